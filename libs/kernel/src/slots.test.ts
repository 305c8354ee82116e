import { describe, expect, it } from '@jest/globals';
import { createSlots } from './slots.ts';

const never = new AbortController().signal;

describe('running few things at once', () => {
  it('makes the third wait until one has ended, also when that one failed', async () => {
    const slots = createSlots(2);
    const ends: (() => void)[] = [];
    const running: number[] = [];
    const start = (id: number) =>
      slots.run(never, () => {
        running.push(id);
        return new Promise<void>((resolve, reject) => ends.push(id === 0 ? () => reject(new Error('no')) : resolve));
      });
    const all = [start(0), start(1), start(2)];
    await settled();
    expect(running).toEqual([0, 1]);
    ends[0]!();
    await expect(all[0]).rejects.toThrow('no');
    await settled();
    expect(running).toEqual([0, 1, 2]);
    ends[1]!();
    ends[2]!();
    await Promise.all(all.slice(1));
  });

  it('lets one that gave up waiting cost nobody a turn', async () => {
    const slots = createSlots(1);
    let end!: () => void;
    const first = slots.run(never, () => new Promise<void>((resolve) => (end = resolve)));
    const leaver = new AbortController();
    const second = slots.run(leaver.signal, async () => 'second');
    const third = slots.run(never, async () => 'third');
    leaver.abort(new Error('gave up'));
    await expect(second).rejects.toThrow('gave up');
    end();
    await first;
    await expect(third).resolves.toBe('third');
    await expect(slots.run(never, async () => 'fourth')).resolves.toBe('fourth');
  });

  it('refuses who comes while too many wait', async () => {
    const slots = createSlots(1, { most: 1, error: () => new Error('full') });
    const { promise, resolve } = Promise.withResolvers<void>();
    const [first, second] = [slots.run(never, () => promise), slots.run(never, async () => 'second')];
    await expect(slots.run(never, async () => 'third')).rejects.toThrow('full');
    resolve();
    await first;
    await expect(second).resolves.toBe('second');
  });

  it('passes on a turn that came in the moment its waiter gave up', async () => {
    const slots = createSlots(1);
    let end!: () => void;
    const first = slots.run(never, () => new Promise<void>((resolve) => (end = resolve)));
    const leaver = new AbortController();
    const second = slots.run(leaver.signal, async () => 'second').catch(() => 'left');
    const third = slots.run(never, async () => 'third');
    await settled();
    end();
    leaver.abort();
    await first;
    await second;
    await expect(third).resolves.toBe('third');
  });
});

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
