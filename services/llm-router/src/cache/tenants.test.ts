import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@flotilla/database';
import { describeWith, startPostgres, type TestServer } from '@flotilla/testkit';
import fc from 'fast-check';
import { prepareAnswers, says, startBench, type Bench } from './cache.fixture.ts';

/** Each of the others is one in six. */
function often(usual: fc.Arbitrary<string>, ...others: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6 - others.length, arbitrary: usual },
    ...others.map((other) => ({ weight: 1, arbitrary: fc.constant(other) })),
  );
}

/** Few of each, so that most requests of one organisation were made by another before. */
const asking = fc.record({
  org: fc.constantFrom('acme', 'rival', 'ACME'),
  question: often(fc.constantFrom('How do I reset my password?', 'How can I reset my password?'), 'hello'),
  cache: often(fc.constant('semantic'), 'exact', 'refresh'),
  system: fc.constantFrom('', 'acme', 'rival'),
  stream: fc.boolean(),
});

/** Which router is asked, or a pause until all is written. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ router: fc.nat(1), asking }) },
  { weight: 1, arbitrary: fc.constant('pause' as const) },
);

async function neverServesAcross(database: Database): Promise<void> {
  const served = { exact: 0, semantic: 0, miss: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
      await prepareAnswers(database);
      let routers = await startRouters(database);
      for (const next of steps) {
        if (next === 'pause') {
          await Promise.all(routers.map((router) => router.stop()));
          routers = await startRouters(database);
          continue;
        }
        const answer = await routers[next.router]!.ask(next.asking);
        // Every answer says whom it was made for.
        expect(answer.text).toBe(`for ${next.asking.org} under ${next.asking.system}`);
        served[answer.cache as keyof typeof served] += 1;
      }
      await Promise.all(routers.map((router) => router.stop()));
    }),
    { numRuns: 20 },
  );
  // Or it would show nothing.
  expect(Math.min(served.exact, served.semantic, served.miss)).toBeGreaterThan(10);
}

/** Two, with memories of their own and one database; what an engine says names the organisation. */
function startRouters(database: Database): Promise<Bench[]> {
  return Promise.all(
    [1, 2].map(async () => {
      const bench = await startBench(database, { cache: { allow: ['semantic'] } });
      bench.script = ({ request }) => says(`for ${request.caller!.orgId} under ${request.messages[0]!.content}`);
      return bench;
    }),
  );
}

describeWith([], 'no organisation ever has an answer of another, with its answers in PGlite', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase('pglite://memory');
  }, 60_000);
  afterAll(() => database.close());

  it('whatever is asked of which router in what order', () => neverServesAcross(database), 60_000);
});

describeWith(['postgres'], 'no organisation ever has an answer of another, with its answers in PostgreSQL', () => {
  let server: TestServer;
  let database: Database;
  beforeAll(async () => {
    server = await startPostgres();
    database = await openDatabase(server.url);
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  it('whatever is asked of which router in what order', () => neverServesAcross(database), 60_000);
});
