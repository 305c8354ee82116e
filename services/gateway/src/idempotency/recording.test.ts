import { describe, expect, it } from '@jest/globals';
import { MemoryBudget } from './memory-budget.ts';
import { Recording } from './recording.ts';

const head = { status: 200, headers: ['content-type', 'text/plain'] };
const bytes = (size: number, value = 120) => new Uint8Array(size).fill(value);
const ignore = () => {};

function begun(limit: number, budget = new MemoryBudget(10_000_000)) {
  const recording = new Recording(limit, budget);
  recording.begin(head);
  return recording;
}

describe('a recording', () => {
  it('gives a late reader all of it, and itself when it is whole', () => {
    const recording = begun(100);
    recording.write(bytes(2, 97));
    recording.write(bytes(2, 98));
    expect(Buffer.from(recording.read(ignore).take()!).toString()).toBe('aabb');
    expect(recording.answer()).toBeUndefined();
    recording.finish('whole');
    expect(Buffer.from(recording.answer()!.body).toString()).toBe('aabb');
    expect(recording.answer()).toMatchObject(head);
  });

  it('is no answer when it was cut, and stays cut', () => {
    const recording = begun(100);
    recording.finish('cut');
    recording.finish('whole');
    expect(recording.answer()).toBeUndefined();
    expect(recording.joinable).toBe(false);
  });

  it('wakes a reader that waits', async () => {
    const recording = begun(100);
    const reader = recording.read(ignore);
    const waiting = reader.more();
    recording.write(bytes(1));
    await waiting;
    expect(reader.take()).toHaveLength(1);
    expect(reader.take()).toBeUndefined();
  });

  it('larger than its limit cannot be joined, and drops what all have read', () => {
    const recording = begun(10);
    const fast = recording.read(ignore);
    const slow = recording.read(ignore);
    recording.write(bytes(8));
    fast.take();
    recording.write(bytes(8));
    expect(recording.joinable).toBe(false);
    fast.take();
    expect(slow.take()).toHaveLength(16);
    recording.write(bytes(3));
    expect(slow.take()).toHaveLength(3);
    expect(fast.take()).toHaveLength(3);
    recording.finish('whole');
    expect(recording.answer()).toBeUndefined();
  });

  it('cuts off a reader that is its limit behind, also while another one keeps up', () => {
    const recording = begun(10);
    const cut: string[] = [];
    const fast = recording.read(() => cut.push('fast'));
    recording.read(() => cut.push('slow'));
    for (let count = 0; count < 4; count += 1) {
      recording.write(bytes(6));
      fast.take();
    }
    expect(cut).toEqual(['slow']);
    expect(recording.readers).toBe(1);
  });

  it('beyond what all may hold together cannot be joined, until others are over', () => {
    const budget = new MemoryBudget(10);
    const [a, b, c] = [begun(100, budget), begun(100, budget), begun(100, budget)];
    a.write(bytes(8));
    b.write(bytes(8));
    expect([a.joinable, b.joinable]).toEqual([true, false]);
    a.finish('whole');
    expect(a.answer()!.body).toHaveLength(8);
    a.release();
    a.release();
    c.write(bytes(8));
    c.write(bytes(3));
    expect(c.joinable).toBe(false);
    expect(budget.take(10)).toBe(true);
    expect(budget.take(1)).toBe(false);
  });

  it('gives one large piece to whoever was up to date', () => {
    const recording = begun(10);
    const reader = recording.read(() => expect('cut').toBe('kept'));
    recording.write(bytes(1_000));
    expect(reader.take()).toHaveLength(1_000);
  });

  it('asks its writer to wait while even the fastest reader is behind', () => {
    const recording = begun(1_000_000);
    let drained = 0;
    recording.onDrain = () => (drained += 1);
    recording.write(bytes(300_000));
    expect(recording.full).toBe(false);
    const fast = recording.read(ignore);
    recording.read(ignore);
    expect(recording.full).toBe(true);
    fast.take();
    expect(recording.full).toBe(false);
    expect(drained).toBe(1);
  });
});
