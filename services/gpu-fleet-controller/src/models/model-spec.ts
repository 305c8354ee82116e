import { z } from 'zod';

// The same as the schema of the CRD, whose texts `kubectl explain` shows; the API server has set defaults and refused
// nonsense before this reads it. A test holds the two against each other.

const seconds = (fallback: number) => z.number().int().nonnegative().default(fallback);
const share = z.number().min(0).max(1);
const secretKey = z.object({ name: z.string(), key: z.string() });

/** Where weights come from: exactly one. */
export const sourceSchema = z.object({
  hub: z.object({ repo: z.string(), revision: z.string().optional(), tokenSecret: secretKey.optional() }).optional(),
  pvc: z.object({ claim: z.string(), path: z.string().default('') }).optional(),
  s3: z
    .object({
      uri: z.string(),
      endpoint: z.string().optional(),
      region: z.string().optional(),
      credentialsSecret: z.string().optional(),
    })
    .optional(),
  image: z.object({ reference: z.string(), path: z.string().default('') }).optional(),
});

/** Hardware that a replica can run on. The controller adds replicas where a token is cheapest. */
export const profileSchema = z.object({
  name: z.string(),
  /** The extended resource, e.g. nvidia.com/gpu. */
  resource: z.string().default('nvidia.com/gpu'),
  /** GPUs of each host: tensor parallel size unless set. */
  count: z.number().int().positive().default(1),
  /** Hosts of a replica; above 1 it is a group of pods by LeaderWorkerSet. */
  hosts: z.number().int().positive().default(1),
  tensorParallel: z.number().int().positive().optional(),
  pipelineParallel: z.number().int().positive().optional(),
  cpu: z.string().optional(),
  memory: z.string().optional(),
  sharedMemory: z.string().default('8Gi'),
  /** USD for an hour of a replica. */
  costPerHour: z.number().nonnegative().default(1),
  /** Output tokens a second a replica gives at its target; absent: taken from what is measured. */
  tokensPerSecond: z.number().positive().optional(),
  maxReplicas: z.number().int().nonnegative().optional(),
  nodeSelector: z.record(z.string(), z.string()).default({}),
  tolerations: z.array(z.record(z.string(), z.unknown())).default([]),
  affinity: z.record(z.string(), z.unknown()).optional(),
});

export const scheduleSchema = z.object({
  name: z.string(),
  /** When it begins: five fields of cron, in `timezone`. */
  start: z.string(),
  timezone: z.string().default('UTC'),
  durationMinutes: z.number().int().positive(),
  minReplicas: z.number().int().nonnegative().optional(),
  maxReplicas: z.number().int().nonnegative().optional(),
});

export const scalingSchema = z.object({
  minReplicas: z.number().int().nonnegative().default(0),
  maxReplicas: z.number().int().nonnegative().default(1),
  /** What a replica is to be kept at; the one that asks for most replicas decides. */
  target: z
    .object({
      /** Requests that run or wait at a replica. */
      requests: z.number().positive().default(32),
      /** Requests that wait in a replica's queue. */
      waiting: z.number().positive().default(5),
      /** Share of the KV cache in use. */
      kvCache: share.default(0.8),
      /** Prompt and output tokens a second; absent: not looked at. */
      tokensPerSecond: z.number().positive().optional(),
    })
    .prefault({}),
  /** The mean over this decides in calm times. */
  stableWindowSeconds: seconds(60),
  /** And over this when it asks for `panicThreshold` times what there is; then nothing is taken away for a stable window. */
  panicWindowSeconds: seconds(6),
  panicThreshold: z.number().min(1).default(2),
  /** How long less has to be wanted until something is taken away. */
  scaleDownDelaySeconds: seconds(120),
  /** At most so many replicas more in a minute: the larger of the two. */
  scaleUp: z
    .object({
      percentPerMinute: z.number().int().positive().default(400),
      podsPerMinute: z.number().int().positive().default(4),
    })
    .prefault({}),
  scaleDown: z
    .object({
      percentPerMinute: z.number().int().positive().default(50),
      podsPerMinute: z.number().int().positive().default(1),
    })
    .prefault({}),
  schedules: z.array(scheduleSchema).default([]),
  /**
   * After so long without a request the last replicas sleep (vLLM level 1: weights in host memory; 2: dropped), then go. 0: not.
   * Controllers that stand by hear of requests too, so a change of who leads postpones nothing; with all of them restarted it is
   * counted anew.
   */
  idle: z.object({ sleepSeconds: seconds(0), deepSleepSeconds: seconds(0), zeroSeconds: seconds(600) }).prefault({}),
});

export const rolloutSchema = z.object({
  /** Surge: the new version comes beside the old. InPlace: room is made first, where there are no GPUs to spare. */
  strategy: z.enum(['Surge', 'InPlace']).default('Surge'),
  /** Replicas of both versions above what is wanted, while it rolls. */
  maxSurge: z.number().int().positive().default(1),
  canary: z
    .object({
      /** Percent of the requests the new version gets first; 0: no canary, it is judged as it rolls. */
      weight: z.number().int().min(0).max(100).default(10),
      /** How long it is watched before it goes on. */
      seconds: seconds(60),
      /** And how many requests it has to have answered at least. 0: time alone. */
      minRequests: z.number().int().nonnegative().default(20),
      /** It goes back when its p95 TTFT is above this many times that of the old. */
      maxTtftRatio: z.number().positive().default(1.5),
      /** Or its share of errors is above that of the old by more than this. */
      maxErrorShare: share.default(0.02),
    })
    .prefault({}),
  /** A version that is not ready after so long goes back. */
  progressDeadlineSeconds: seconds(1_800),
});

export const adapterSchema = z.object({
  /** What clients ask for. */
  name: z.string(),
  /** Folder in the model's volume or on the hub, as the engine reads it. */
  path: z.string(),
  /** Replicas it is loaded on at least; 0: only while it is asked for. */
  minReplicas: z.number().int().nonnegative().default(1),
});

export const modelSpecSchema = z.object({
  /** What clients ask for; absent: the object's name. */
  servedName: z.string().optional(),
  capabilities: z.array(z.string()).default(['chat']),
  engine: z
    .object({
      image: z.string().optional(),
      args: z.array(z.string()).default([]),
      env: z.array(z.record(z.string(), z.unknown())).default([]),
      port: z.number().int().positive().default(8_000),
    })
    .prefault({}),
  source: sourceSchema,
  cache: z
    .object({
      claim: z.string().optional(),
      size: z.string().optional(),
      storageClass: z.string().optional(),
      /** Weights are fetched into the cache when the Model is made, before a replica needs them. */
      prefetch: z.boolean().default(false),
    })
    .optional(),
  profiles: z.array(profileSchema).min(1),
  adapters: z.array(adapterSchema).default([]),
  /** A fixed count: nothing scales while it is set. */
  replicas: z.number().int().nonnegative().optional(),
  scaling: scalingSchema.prefault({}),
  rollout: rolloutSchema.prefault({}),
  /** How long a replica may take until it serves: longer, and it is restarted. */
  startTimeoutSeconds: seconds(1_800),
  /** How long requests may run on a replica that is to go. */
  drainSeconds: seconds(300),
});

/** With its defaults. */
export type ModelSpec = z.output<typeof modelSpecSchema>;
export type ProfileSpec = z.output<typeof profileSchema>;
export type ScalingSpec = z.output<typeof scalingSchema>;
export type RolloutSpec = z.output<typeof rolloutSchema>;
export type ScheduleSpec = z.output<typeof scheduleSchema>;
export type AdapterSpec = z.output<typeof adapterSchema>;
