import { describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { prometheusText } from '@flotilla/telemetry';
import { LineQueue } from './line-queue.ts';

/** Lines with an outcome so far, over all tests of this file. */
function counted(outcome: string): number {
  const line = prometheusText()
    .split('\n')
    .find((text) => text.startsWith('flotilla_router_transcripts_total') && text.includes(`outcome="${outcome}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe('lines on their way to a disk', () => {
  it('are written in their order, those of one moment at once', async () => {
    const writes: (readonly string[])[] = [];
    const file = { append: async (lines: readonly string[]) => void writes.push(lines), close: async () => undefined };
    const queue = new LineQueue(file, 1_000);
    queue.push('a');
    queue.push('b');
    await queue.close();
    expect(writes).toEqual([['a', 'b']]);
  });

  it('are dropped and counted where the disk is too slow, and never held beyond the bound', async () => {
    const writes: string[] = [];
    let release: () => void = () => undefined;
    const file = {
      async append(lines: readonly string[]) {
        await new Promise<void>((resolve) => (release = resolve));
        writes.push(...lines);
      },
      close: async () => undefined,
    };
    const before = counted('dropped');
    const queue = new LineQueue(file, 10);
    queue.push('12345');
    await Promise.resolve();
    for (const line of ['1234', '12', '1']) queue.push(line);
    expect(counted('dropped') - before).toBe(1);
    release();
    await until(() => writes.length === 1);
    release();
    await queue.close();
    expect(writes).toEqual(['12345', '1234', '1']);
  });

  it('are lost and counted while the disk is full, and written again when it is not', async () => {
    const writes: string[] = [];
    let full = true;
    const file = {
      async append(lines: readonly string[]) {
        if (full) throw new Error('ENOSPC');
        writes.push(...lines);
      },
      close: async () => undefined,
    };
    const before = counted('failed');
    const queue = new LineQueue(file, 1_000);
    queue.push('lost');
    await until(() => counted('failed') - before === 1);
    full = false;
    queue.push('kept');
    await queue.close();
    expect(writes).toEqual(['kept']);
  });
});
