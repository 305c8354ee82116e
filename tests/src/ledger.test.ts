import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { Shape } from './shape.ts';

/** Of the gateways of all meshes together. */
const KILLS = 100;
/** Two meshes at once: while one waits for its gateway the other is busy. */
const MESHES = 2;
const STREAMS = 3;
const messages = [{ role: 'user', content: 'Tell me a long story about a fleet of small boats.' }];

interface Tokens {
  prompt: number;
  completion: number;
}

/** What the engine says it served. */
async function engineTokens(shape: Shape): Promise<Tokens> {
  const text = await (await fetch(`${shape.engine.url}/metrics`)).text();
  const of = (name: string) => Number(new RegExp(`^vllm:${name}\\{[^}]*\\} (\\d+)$`, 'm').exec(text)?.[1]);
  return { prompt: of('prompt_tokens_total'), completion: of('generation_tokens_total') };
}

interface LedgerSums extends Tokens {
  requests: number;
  cancelled: number;
}

/** What the ledger says once it has all that many requests; its sums by day must say the same. */
async function ledgerSums(shape: Shape, requests: number): Promise<LedgerSums> {
  const sums = `sum(prompt_tokens)::float8 as prompt, sum(completion_tokens)::float8 as completion`;
  const sumOf = async () => {
    const [row] = await shape.rows<LedgerSums>(
      `select count(*)::int as requests, count(*) filter (where outcome = 'cancelled')::int as cancelled, ${sums}
       from limits.quota_log`,
    );
    return row!;
  };
  const what = `${requests} requests in the ledger`;
  const all = await until(async () => (await sumOf()).requests >= requests && sumOf(), { timeoutMs: 20_000, what });
  const [daily] = await shape.rows<LedgerSums>(
    `select sum(requests)::int as requests, ${sums} from limits.usage_daily`,
  );
  const { cancelled, ...logged } = all;
  expect(daily).toEqual(logged);
  return { ...logged, cancelled };
}

/** Starts a stream and resolves once it brought that many tokens. */
async function streamed(shape: Shape, tokens: number): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await shape.chat({ messages, stream: true }, { signal: AbortSignal.timeout(60_000) });
  if (response.status !== 200) throw new Error(await response.text());
  const reader = response.body!.getReader();
  let text = '';
  while (text.split('"content":"').length <= tokens) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended: ${text}`);
    text += Buffer.from(value).toString();
  }
  return reader;
}

/** Kills the gateway under its streams, waits until the engine is rid of them, and starts it again. */
async function killUnderStreams(shape: Shape, tokens: number): Promise<void> {
  const readers = await Promise.all(Array.from({ length: STREAMS }, () => streamed(shape, tokens)));
  await shape.mesh!.kill('gateway');
  await until(() => shape.engine.stats().running === 0, { timeoutMs: 20_000, what: 'the engine to be aborted' });
  for (const reader of readers) await reader.cancel().catch(() => undefined);
  await shape.mesh!.start('gateway');
}

/** An answer that nobody cuts. */
async function whole(shape: Shape): Promise<void> {
  const response = await shape.chat({ messages, max_tokens: 2 }, { signal: AbortSignal.timeout(60_000) });
  expect(response.status).toBe(200);
}

describe('the ledger and what the engines served', () => {
  const running: Shape[] = [];
  const start = async (decodeTokensPerSecond: number): Promise<Shape> => {
    const shape = await Shape.start('mesh', { decodeTokensPerSecond, answerTokens: 400 });
    running.push(shape);
    return shape;
  };
  afterAll(() => Promise.all(running.map((shape) => shape.stop())), 60_000);

  describe('when no token is on its way', () => {
    let shapes: Shape[];
    // Two tokens a second: a kill right after one reaches the engine long before the next.
    beforeAll(async () => void (shapes = await Promise.all(Array.from({ length: MESHES }, () => start(2)))), 240_000);

    it(`are equal to the token after ${KILLS} gateways died under their streams`, async () => {
      const rounds = KILLS / MESHES;
      await Promise.all(
        shapes.map(async (shape) => {
          for (let round = 0; round < rounds; round += 1) await killUnderStreams(shape, 1 + (round % 2));
          await whole(shape);
        }),
      );
      for (const shape of shapes) {
        const { requests, cancelled, ...ledger } = await ledgerSums(shape, rounds * STREAMS + 1);
        expect({ requests, cancelled }).toEqual({ requests: rounds * STREAMS + 1, cancelled: rounds * STREAMS });
        expect(ledger).toEqual(await engineTokens(shape));
      }
    }, 900_000);
  });

  describe('when tokens are on their way', () => {
    let shape: Shape;
    beforeAll(async () => void (shape = await start(200)), 240_000);

    it('differ by those alone: prompts are equal, completions are what was received', async () => {
      for (let round = 0; round < 5; round += 1) {
        await whole(shape);
        await killUnderStreams(shape, 10);
      }
      const { requests, ...ledger } = await ledgerSums(shape, 5 * (STREAMS + 1));
      const engine = await engineTokens(shape);
      expect(requests).toBe(5 * (STREAMS + 1));
      expect(ledger.prompt).toBe(engine.prompt);
      expect(ledger.completion).toBeLessThanOrEqual(engine.completion);
      // Each of the streams brought ten tokens before its gateway died.
      expect(ledger.completion).toBeGreaterThanOrEqual(5 * (STREAMS * 10 + 2));
    }, 240_000);
  });
});
