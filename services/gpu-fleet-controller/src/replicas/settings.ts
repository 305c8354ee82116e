import { z } from 'zod';

const ms = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** The engines in the cluster's pods; part of FLOTILLA_FLEET. */
export const replicaSettings = {
  podProbeStartingMs: ms(150).describe('ms between probes of an engine that starts in a pod'),
  podProbeBusyMs: ms(1_000).describe('ms between probes of a pod that requests run on, or that drains'),
  podProbeCalmMs: ms(2_000).describe('ms between probes of a pod that nothing runs on'),
  podProbesPerSecond: z.coerce
    .number()
    .positive()
    .default(300)
    .describe('probes a second of all pods together; with more pods than that allows, each is probed less often'),
  drainGraceMs: ms(2_000).describe(
    'ms until every router has heard that a replica is to go: only what it says of itself after that counts as quiet',
  ),
};

export const replicaSettingsSchema = z.object(replicaSettings);

export type ReplicaSettings = z.output<typeof replicaSettingsSchema>;
