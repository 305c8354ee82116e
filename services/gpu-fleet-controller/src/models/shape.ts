import { createHash } from 'node:crypto';
import { canonicalJson } from '@flotilla/kernel';
import type { AdapterSpec, ModelSpec, ProfileSpec } from './model-spec.ts';

/** What all Models get that do not say otherwise. */
export interface EngineDefaults {
  /** Absent: the chart's own. */
  readonly image?: string;
  /** Arguments before the Model's own. */
  readonly args: readonly string[];
  /** Values of the chart under those of the Model: pull secrets, network policy, what a site needs. */
  readonly values: Readonly<Record<string, unknown>>;
}

export const noDefaults: EngineDefaults = { args: [], values: {} };

export type Hardware = Omit<ProfileSpec, 'costPerHour' | 'tokensPerSecond' | 'maxReplicas'>;

/** The part of a spec that pods are made from. */
export interface Shape extends Pick<ModelSpec, 'engine' | 'source' | 'cache' | 'startTimeoutSeconds' | 'drainSeconds'> {
  readonly servedName: string;
  readonly profiles: readonly Hardware[];
  readonly adapters: readonly Pick<AdapterSpec, 'name' | 'path'>[];
  readonly sleep: boolean;
}

/** Whether its idle engines sleep. */
export function sleepsWhenIdle({ scaling: { idle } }: ModelSpec): boolean {
  return idle.sleepSeconds > 0 || idle.deepSleepSeconds > 0;
}

export function shapeOf(name: string, spec: ModelSpec): Shape {
  const { engine, source, cache, profiles, startTimeoutSeconds, drainSeconds } = spec;
  return {
    ...{ engine, source, startTimeoutSeconds, drainSeconds },
    ...(cache && { cache }),
    servedName: spec.servedName ?? name,
    profiles: profiles.map(({ costPerHour: _cost, tokensPerSecond: _speed, maxReplicas: _max, ...rest }) => rest),
    adapters: spec.adapters.map((adapter) => ({ name: adapter.name, path: adapter.path })),
    sleep: sleepsWhenIdle(spec),
  };
}

/**
 * The version of a shape: 8 hexadecimal digits that stay the same over restarts. Which adapters there are is told to engines
 * while they run, and weights are fetched ahead by a Job: neither makes another version.
 */
export function revisionOf(shape: Shape, chartVersion: string, defaults: EngineDefaults): string {
  const { adapters, cache, ...rest } = shape;
  const storage = cache && { ...cache, prefetch: undefined };
  return hashOf({ ...rest, cache: storage, adapters: adapters.length > 0, chartVersion, defaults }).slice(0, 8);
}

/** SHA-256 of a value as JSON with sorted keys, in hexadecimal. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
