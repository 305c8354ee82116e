import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { Canary } from './canary.ts';

const config = {
  arm: 'new',
  control: 'old',
  window_s: 60,
  min_requests: 20,
  error_margin: 0.05,
  first_token_ratio: 1.5,
};

function start() {
  const clock = createFakeClock();
  const canary = new Canary(config, clock);
  /** So many answers of an arm, of which the first ones failed. True: one of them stopped it. */
  const tell = (arm: string, count: number, failed = 0, firstTokenMs: number | undefined = 100) =>
    Array.from({ length: count }, (_, i) => canary.ended(arm, { failed: i < failed, firstTokenMs })).includes(true);
  return { clock, canary, tell };
}

describe('a canary', () => {
  it('is stopped once when it fails more often than its control by more than the margin', () => {
    const { canary, tell } = start();
    expect(tell('old', 100, 2)).toBe(false);
    expect(tell('new', 40, 8)).toBe(true);
    expect(canary.stopped).toMatch(/^\d+\.\d % of its requests failed, of the control's 2\.0 %$/);
    expect(tell('new', 40, 40)).toBe(false);
  });

  it('goes on when both do badly, and when it only looks worse by chance', () => {
    const { canary, tell } = start();
    for (let i = 0; i < 10; i += 1) {
      tell('old', 10, 3);
      tell('new', 10, 3);
    }
    expect(canary.stopped).toBeUndefined();
    const few = start();
    few.tell('old', 100, 2);
    expect(few.tell('new', 20, 3)).toBe(false);
  });

  it('is stopped when its first tokens take longer by more than the ratio', () => {
    const { canary, tell } = start();
    tell('old', 50, 0, 100);
    expect(tell('new', 50, 0, 140)).toBe(false);
    const slow = start();
    slow.tell('old', 50, 0, 100);
    expect(slow.tell('new', 50, 0, 200)).toBe(true);
    expect(slow.canary.stopped).toContain('90th percentile');
    expect(canary.stopped).toBeUndefined();
  });

  it('is not judged by a few requests, nor by those of long ago', () => {
    const { clock, canary, tell } = start();
    tell('old', 100);
    tell('new', 19, 19);
    expect(canary.stopped).toBeUndefined();
    clock.advance(120_000);
    tell('old', 100);
    expect(tell('new', 19)).toBe(false);
    expect(tell('new', 1)).toBe(false);
    expect(canary.stopped).toBeUndefined();
  });

  it('is not judged by first tokens that were not streamed, nor by other arms', () => {
    const { canary } = start();
    for (let i = 0; i < 100; i += 1) {
      canary.ended('old', { failed: false, firstTokenMs: 1 });
      canary.ended('new', { failed: false, firstTokenMs: undefined });
      canary.ended('third', { failed: true, firstTokenMs: 9_999 });
    }
    expect(canary.stopped).toBeUndefined();
  });
});
