import { z } from 'zod';

const weight = (value: number) => z.number().nonnegative().default(value);

/** How the router chooses among the engines of a model. Each scorer says 0 to 1; the largest weighted sum wins. */
export const pickingSchema = z.strictObject({
  weights: z
    .strictObject({
      /** Few requests under way and none waiting. */
      queue: weight(2),
      /** Room in the KV cache. */
      kv_cache: weight(2),
      /** The share of the prompt that its KV cache should hold. */
      prefix: weight(3),
      /** The LoRA adapter asked for is loaded (1), has room (0.8) or is waited for (0.6). */
      adapter: weight(5),
      /** Time to first token, against the middle of its peers. */
      latency: weight(1),
      /** Price, against the cheapest: of use only where targets of one model differ in it. */
      cost: weight(0),
      /** It stands in the router's zone. 0.25 is: until it is about 1.25 times as busy as others. */
      zone: weight(0.25),
    })
    .prefault({}),
  /** An engine is not chosen for its prefix or adapter above so many times the mean load (at least one request above it). */
  load_bound: z.number().min(1).default(1.25),
  /** True: organisations do not share prefixes in the router's eyes, so that none can tell by its times what another asked. */
  isolate_prefixes: z.boolean().default(false),
  outliers: z
    .strictObject({
      /** Failures in a row (5xx, cut streams, limits of time) after which an engine is set aside. 0: never. */
      consecutive_failures: z.number().int().nonnegative().default(5),
      /** Set aside when so large a share of its recent requests failed, and less than half as large a share of its peers'. 1: never. */
      failure_rate: z.number().positive().max(1).default(0.5),
      /** Set aside when its time to first token is so many times what its peers take for a prompt they have to read in full. 0: never. */
      slow_factor: z.number().nonnegative().default(2),
      /** The largest share of a model's engines that failures and slowness set aside. What cannot be reached does not count. */
      max_ejected: z.number().min(0).max(1).default(0.5),
      /** Milliseconds over which an engine that came back takes up its share. */
      slow_start_ms: z.number().nonnegative().default(10_000),
    })
    .prefault({}),
});

export type PickingConfig = z.infer<typeof pickingSchema>;
