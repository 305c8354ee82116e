import { z } from 'zod';
import type { EngineLoad } from './engine-view.ts';

const count = z.number().nonnegative().default(0);
const health = z.looseObject({ jobs: z.looseObject({ inProgress: count, inQueue: count }) });

/** RunPod's `/health` of a serverless endpoint: the jobs of all its clients. Undefined: not such an answer. */
export function readRunpodHealth(value: unknown): EngineLoad | undefined {
  const { data } = health.safeParse(value);
  return data && { running: data.jobs.inProgress, waiting: data.jobs.inQueue, kvCacheUsage: 0 };
}
