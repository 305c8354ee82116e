import { describe, expect, it } from '@jest/globals';
import { systemRandom } from '@flotilla/kernel';
import { createFakeClock, until } from '@flotilla/testkit';
import type { FastifyRequest } from 'fastify';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { defaults } from '../config.ts';
import { Exchange } from '../http/exchange.ts';
import { KeyedRequests } from './keyed-requests.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { Held, ReplayStore } from './replay-store.ts';
import { SharedRun, type Work } from './shared-run.ts';

function setUp(claim: () => Promise<Held>) {
  const clock = createFakeClock();
  const calls: string[] = [];
  const note = (name: string) => async () => void calls.push(name);
  const store: ReplayStore = {
    claim,
    finish: async (_slot, answer) => void calls.push(answer ? 'finish' : 'release'),
    renew: note('renew'),
    sweep: note('sweep'),
  };
  const keyed = new KeyedRequests({ ...defaults, clock, store });
  const raw = new IncomingMessage(new Socket());
  const exchange = new Exchange(new ServerResponse(raw), undefined, clock, systemRandom);
  const serve = (work: Work, lingerMs = 0) =>
    keyed.serve('k', 'digest', exchange, () => {
      const options = {
        clock,
        random: systemRandom,
        stallMs: 1_000,
        lingerMs,
        limit: 1_000,
        budget: new MemoryBudget(1_000),
      };
      return new SharedRun({ raw } as FastifyRequest, exchange, work, () => undefined, options);
    });
  return { clock, calls, keyed, exchange, serve };
}

const claimed = async (): Promise<Held> => ({ state: 'claimed' });

describe('a request with an Idempotency-Key', () => {
  it('stays ours while it runs, however long, and not when nothing does', async () => {
    const { clock, calls, keyed, serve } = setUp(claimed);
    keyed.start();
    let end = () => {};
    const running = new Promise<void>((resolve) => (end = resolve));
    let signal: AbortSignal | undefined;
    const served = serve(async (run) => {
      ({ signal } = run);
      await running;
      run.response.end('done');
    });
    await clock.advanceAsync(60_000);
    expect(calls).toEqual(new Array(12).fill('renew'));
    end();
    await served;
    await until(() => calls.includes('finish'));
    expect(signal!.aborted).toBe(false);
    await clock.advanceAsync(60_000);
    expect(calls).toHaveLength(13);
    await keyed.close();
    expect(clock.pending).toBe(0);
  });

  it('that was claimed too late to wait for is given its answer all the same', async () => {
    let claim = (_held: Held) => {};
    const { clock, calls, serve } = setUp(() => new Promise((resolve) => (claim = resolve)));
    const served = serve(async ({ response }) => void response.end('done'));
    await clock.advanceAsync(defaults.idempotencyStoreTimeoutMs);
    await served;
    expect(calls).toEqual([]);
    claim({ state: 'claimed' });
    await until(() => calls.includes('finish'));
  });

  it('does not wait forever for another gateway', async () => {
    const { clock, serve } = setUp(async () => ({ state: 'running', digest: 'digest' }));
    const served = serve(async () => undefined).catch((error: unknown) => error);
    await clock.advanceAsync(defaults.idempotencyWaitMs + 1_000);
    expect(await served).toMatchObject({ code: 'conflict', details: { retryAfterMs: 1_000 } });
  });

  it('goes on for its time when nobody reads it, then ends', async () => {
    const { clock, calls, exchange, serve } = setUp(claimed);
    let signal: AbortSignal | undefined;
    const served = serve(async (run) => {
      ({ signal } = run);
      await new Promise<void>((resolve) => run.signal.addEventListener('abort', () => resolve()));
    }, 5_000);
    await until(() => signal);
    exchange.response.destroy();
    exchange.response.emit('close');
    await served;
    await clock.advanceAsync(4_999);
    expect(signal!.aborted).toBe(false);
    await clock.advanceAsync(1);
    expect(signal!.aborted).toBe(true);
    await until(() => calls.includes('release'));
  });
});
