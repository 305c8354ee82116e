import { count, milliseconds } from '../setting-fields.ts';

/** What is kept, and for whom, is said in the platform file. */
export const cacheSettings = {
  cacheExactTimeoutMs: milliseconds(
    30,
    'How long a kept answer to the same request is looked for in the database. Past it an engine is asked.',
  ),
  cacheSemanticTimeoutMs: milliseconds(
    100,
    'How long an answer to a question of the same meaning is looked for, the embedding of the question included. Past it an engine is asked.',
  ),
  cacheJoinTimeoutMs: milliseconds(
    10_000,
    'How long a request waits for the answer to the same one of the same organisation that is under way on this router. Past it an engine is asked.',
  ),
  cacheMemoryBytes: count(
    32 << 20,
    'Bytes of kept answers that this router holds in memory beside the database, keys and overhead not counted.',
  ),
  cacheMemoryMs: count(
    60_000,
    'Milliseconds that an answer stays in memory. It bounds how long a purge that did not reach this router is not heeded.',
  ),
  cacheMaxUnwritten: count(500, 'Answers that wait to be written to the database; further ones are not kept.'),
  cacheSweepMs: count(300_000, 'Milliseconds between two sweeps of answers whose time is over.'),
};
