import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { safety } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import fc from 'fast-check';
import {
  allow,
  answerer,
  finished,
  never,
  piece,
  redactSecret,
  startPlatform,
  type Platform,
} from './platform.fixture.ts';

let database: Database;
let platform: Platform;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
  platform = await startPlatform(
    database,
    {},
    { config: { checkTimeoutMs: 8, guardTimeoutMs: 8, retrievalTimeoutMs: 8 } },
  );
});
afterAll(async () => {
  await platform.stop();
  await database.close();
});

const fault = fc.constantFrom('none', 'none', 'throws', 'hangs', 'blocks');
const scenario = fc.record({
  check: fault,
  guard: fault,
  retrieve: fault,
  engine: fc.constantFrom('none', 'none', 'throws', 'hangs', 'ends', 'fails'),
  pieces: fc.nat({ max: 4 }),
  leavesAfter: fc.option(fc.nat({ max: 4 })),
  conversation: fc.boolean(),
  stream: fc.boolean(),
  maxTokens: fc.constantFrom(0, 0, 2),
});
const gone = () => Promise.reject(new FlotillaError('unavailable'));

function arrange({ check, guard, retrieve, engine, pieces }: ReturnType<typeof scenario.generate>['value']): void {
  const block = async () => ({ action: safety.Action.BLOCK, findings: [], release: '', state: undefined });
  Object.assign(platform.doing, {
    check: { none: allow, throws: gone, hangs: (_: unknown, context: never) => never(context), blocks: block }[check],
    guard: { none: redactSecret, throws: gone, hangs: (_: unknown, context: never) => never(context), blocks: block }[
      guard
    ],
    retrieve:
      retrieve === 'none'
        ? async () => ({ passages: [], vectorsUsed: true })
        : retrieve === 'hangs'
          ? (_: unknown, context: never) => never(context)
          : gone,
    generate: async function* (_: unknown, context: never) {
      yield answerer;
      for (let at = 0; at < pieces; at += 1) yield piece(`word${at} SEC`);
      if (engine === 'throws') throw new FlotillaError('engine_error');
      if (engine === 'hangs') await never(context);
      if (engine === 'fails') yield { event: { $case: 'failure', value: { code: 'engine_error', message: 'x' } } };
      if (engine === 'ends') return;
      yield piece('RET', 'stop');
      yield finished(pieces);
    },
  });
}

describe('usage', () => {
  it('is recorded exactly once for every call that began, whatever goes wrong and whenever the client leaves', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        arrange(given);
        const call = platform.request({
          ...{ stream: given.stream, maxTokens: given.maxTokens, retrieval: {} },
          conversationId: given.conversation ? 'busy' : '',
        });
        let events = 0;
        // An engine that hangs hangs until the client loses patience.
        const options = { timeoutMs: given.engine === 'hangs' ? 60 : 10_000 };
        try {
          for await (const _ of platform.client.chat(call, options))
            if ((events += 1) > (given.leavesAfter ?? Infinity)) break;
        } catch (error) {
          expect(error).toMatchObject({ name: 'FlotillaError' });
        }
        const rows = await platform.recordedUsage(call);
        expect(rows).toHaveLength(1);
      }),
      { numRuns: 150 },
    );
    const twice = await database.query(
      'select caller.request_id from orchestrator.turns as caller group by 1 having count(*) > 1',
      [],
    );
    expect(twice).toEqual([]);
  });
});
