import { z } from 'zod';

const count = (fallback: number, says: string) => z.coerce.number().int().positive().default(fallback).describe(says);

/** Prefix FLOTILLA_ORCHESTRATOR. What a late safety check means is the platform file's `safety.on_timeout`. */
export const orchestratorConfigSchema = z.object({
  checkTimeoutMs: count(100, 'ms a prompt may wait for its safety check; after that safety.on_timeout decides'),
  guardTimeoutMs: count(
    250,
    'ms a piece of an answer may wait for the output guard; after that safety.on_timeout decides',
  ),
  retrievalTimeoutMs: count(
    200,
    'ms an answer may wait for the documents; after that it goes on without them and says so',
  ),
  limitsTimeoutMs: count(
    50,
    'ms the rate limiter may take for what history and documents add; after that they pass without it',
  ),
  historyTurns: count(20, 'turns of a conversation that are put before a new message, at most'),
  historyCharacters: count(
    100_000,
    'characters of history put before a new message, at most; whole turns are left out',
  ),
  bufferedEvents: count(256, 'events that may wait for a slow reader, for each stream; then the engine is not read on'),
  commitRows: count(256, 'turns written in one transaction, at most'),
  usageWaitMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(50)
    .describe(
      'ms that usage outside of conversations waits for company; a kill loses what waits (until its reservation expires)',
    ),
  pendingRows: count(20_000, 'turns that may wait for the database; further ones are refused as overloaded'),
  outboxPollMs: count(
    1_000,
    'ms between looks for events that another replica, or a run before this one, left unpublished',
  ),
  outboxClaimMs: count(30_000, 'ms after which events of a replica that died are published by another'),
});

export type OrchestratorConfig = z.infer<typeof orchestratorConfigSchema>;

export const orchestratorDefaults: OrchestratorConfig = orchestratorConfigSchema.parse({});
