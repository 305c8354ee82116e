import { envFlag, envList } from '@flotilla/kernel';
import { z } from 'zod';
import { admissionSettings } from './admission/settings.ts';
import { accessSettings } from './access/settings.ts';
import { serverSettings } from './http/settings.ts';
import { idempotencySettings } from './idempotency/settings.ts';
import { ruleSettings } from './rules/settings.ts';
import { regionSettings } from './regions/settings.ts';
import { sheddingSettings } from './shedding/settings.ts';
import { tlsSettings } from './tls/settings.ts';

const flag = (fallback: '0' | '1') => envFlag.prefault(fallback);

/** The gateway's environment; prefix `FLOTILLA_GATEWAY`. */
export const gatewayConfigSchema = z.object({
  host: z
    .string()
    .default('127.0.0.1')
    .describe(
      'Address to listen on. 0.0.0.0 opens the API to the network: put TLS in front of it, or set its certificate here.',
    ),
  port: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('TCP port of the public API; 0 takes a free one.'),
  bodyLimit: z.coerce
    .number()
    .int()
    .positive()
    .default(8 * 1024 * 1024)
    .describe('Bytes of a request body at most, also of one WebSocket message. Larger ones get 413.'),
  fileLimit: z.coerce
    .number()
    .int()
    .positive()
    .default(8 * 1024 * 1024)
    .describe('Bytes of an uploaded file at most. It is held in memory while it is indexed.'),
  headersTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('Milliseconds a client may take to send its headers; slow-loris connections end here.'),
  receiveTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(60_000)
    .describe('Milliseconds a client may take to send a whole request, body included.'),
  keepAliveTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(75_000)
    .describe(
      'Milliseconds an idle connection is kept. Longer than that of the load balancer in front, or it sees resets.',
    ),
  chatTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(600_000)
    .describe('Milliseconds a whole chat may take, from its first byte here to its last.'),
  stallTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(60_000)
    .describe('Milliseconds a client may leave a waiting stream unread; then it is dropped, and its engine freed.'),
  callTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(60_000)
    .describe('Milliseconds a call to rag, the router or the orchestrator may take on every other route.'),
  moderationTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(5_000)
    .describe('Milliseconds the safety service may take for POST /v1/moderations. After that the answer is 503.'),
  ...admissionSettings,
  maxConcurrentChats: z.coerce
    .number()
    .int()
    .positive()
    .default(4_096)
    .describe('Chats under way in this process at most; more get 503 with retry-after.'),
  maxSockets: z.coerce.number().int().positive().default(1_024).describe('WebSocket connections at most.'),
  maxChatsPerSocket: z.coerce
    .number()
    .int()
    .positive()
    .default(16)
    .describe('Chats under way on one WebSocket connection at most.'),
  pingIntervalMs: z.coerce
    .number()
    .int()
    .positive()
    .default(30_000)
    .describe('Milliseconds between pings of a WebSocket; a peer that misses one is dropped.'),
  corsOrigins: envList
    .prefault('')
    .describe('Origins that browsers may call from, comma-separated; `*` for any. Empty: no CORS headers at all.'),
  ...accessSettings,
  ...serverSettings,
  ...tlsSettings,
  ...sheddingSettings,
  ...regionSettings,
  ...ruleSettings,
  ...idempotencySettings,
  accessLog: flag('1').describe('One log line for each request: route, status, duration; never a body or a key.'),
});

export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;

export const defaults: GatewayConfig = gatewayConfigSchema.parse({});
