import { z } from 'zod';

const milliseconds = z.number().int().positive();

/** A local process the fleet controller may start and stop. Without it the provider is only probed. */
export const processSchema = z.strictObject({
  command: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()).default({}),
  /** Milliseconds until it must answer its probe. */
  start_timeout_ms: milliseconds.default(120_000),
  /** Start it with the platform. False: when a request asks for it. */
  autostart: z.boolean().default(true),
  /** What it serves, for requests that come before it ever ran. Absent: what the targets of `models` name. */
  models: z.array(z.string().min(1)).min(1).optional(),
});

/**
 * One of several things a provider runs, one at a time, at its one address: an engine process, or with kind `ollama` a
 * model that is loaded into the server.
 */
const serviceSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._:/-]*$/i),
  /** What it is asked for. Absent: its name. */
  models: z.array(z.string().min(1)).min(1).optional(),
  /** The program and its arguments. Absent: vLLM, with the fields below. */
  command: z.array(z.string()).min(1).optional(),
  env: z.record(z.string(), z.string()).default({}),
  /** What vLLM loads: a folder, or a name on the hub. Absent: the name of the service. */
  weights: z.string().min(1).optional(),
  /** The part of the GPU's memory vLLM takes. Absent: the fleet's setting. */
  gpu_memory_utilization: z.number().positive().max(1).optional(),
  /** Tokens of prompt and answer. Absent: the fleet's setting. */
  max_model_len: z.number().int().positive().optional(),
  /** Further arguments of vLLM. */
  args: z.array(z.string()).default([]),
});

export const servicesSchema = z
  .array(serviceSchema)
  .min(1)
  .max(100)
  .refine((services) => new Set(services.map(({ name }) => name)).size === services.length, 'two have one name');

/** How what a provider runs on demand comes and goes. What is absent is the fleet's setting. */
export const onDemandSchema = z.strictObject({
  /** Milliseconds a service may take until it answers. */
  start_timeout_ms: milliseconds.optional(),
  /** Milliseconds without a request after which it is stopped. 0: never. */
  idle_stop_ms: z.number().int().nonnegative().optional(),
  /** Milliseconds a service stays at least before it makes room for another. */
  min_up_ms: z.number().int().nonnegative().optional(),
  /** Milliseconds requests that run may take to finish when another service is to have the address. */
  drain_ms: z.number().int().nonnegative().optional(),
});

export type ServiceConfig = z.infer<typeof serviceSchema>;
export type OnDemandConfig = z.infer<typeof onDemandSchema>;
