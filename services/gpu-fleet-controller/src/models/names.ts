import type { KubeObject } from '@flotilla/kubernetes';
import type { Model } from './model.ts';
import type { GroupName } from './world.ts';

/** Who says what is applied, and what it is labelled with. */
export const fleetManager = 'flotilla-fleet';

/** Keeps a Model until its engines are drained. */
export const drainFinalizer = 'fleet.flotilla.dev/drain';

export const labelNames = {
  model: 'fleet.flotilla.dev/model',
  profile: 'fleet.flotilla.dev/profile',
  revision: 'fleet.flotilla.dev/revision',
  managedBy: 'app.kubernetes.io/managed-by',
  instance: 'app.kubernetes.io/instance',
} as const;

export const annotationNames = {
  /** Hash of what was applied last. */
  applied: 'fleet.flotilla.dev/applied',
  /** What a version's pods were shaped by, as JSON: how more of them are made once the spec asks for another. */
  shape: 'fleet.flotilla.dev/shape',
  /** Version of the chart that a workload was rendered with. */
  chart: 'fleet.flotilla.dev/chart',
  /** What helm made for a workload, packed. */
  rendering: 'fleet.flotilla.dev/rendering',
  /** A ReplicaSet takes the pod with the lowest cost first, of those that are ready. */
  deletionCost: 'controller.kubernetes.io/pod-deletion-cost',
} as const;

/** What the fleet applied itself. */
export const managedSelector = `${labelNames.managedBy}=${fleetManager},${labelNames.model}`;

/** All pods of all Models, as the scale subresource tells it for one. */
export const podSelector = (model: string): string => `${labelNames.model}=${model}`;

/** The part of the fleet that is told of together: a Model. */
export function scopeOf({ metadata }: { metadata: { namespace?: string; name: string } }): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}

/** What clients ask for: the model, then its adapters. */
export function servedNames({ metadata, spec }: Model): readonly string[] {
  return [spec.servedName ?? metadata.name, ...spec.adapters.map(({ name }) => name)];
}

/** The Model that a workload or a pod is labelled with; undefined: none. */
export function scopeOfPart({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels?.[labelNames.model];
  return name === undefined ? undefined : scopeOf({ metadata: { ...metadata, name } });
}

export function groupOfPart({ metadata }: KubeObject): GroupName | undefined {
  const { [labelNames.profile]: profile, [labelNames.revision]: revision } = metadata.labels ?? {};
  return profile === undefined || revision === undefined ? undefined : { profile, revision };
}

export const groupKey = ({ profile, revision }: GroupName): string => `${profile}-${revision}`;

/** The number at the end of a pod's name, where its workload gives it one. */
export const ordinalOf = (pod: string): number => Number(/-(\d+)$/.exec(pod)?.[1] ?? 0);
