import { describe, expect, it } from '@jest/globals';
import type { Target } from '../providers/target.ts';
import type { Outcome } from './outcome.ts';
import { asking, createPicking, idOf, resolution, target } from './picking.fixture.ts';

function fleet(count: number) {
  const { clock, picker } = createPicking();
  const targets = Array.from({ length: count }, (_, i) => target(`e${i}`));
  const model = resolution([[1, targets]]);
  picker.keep(targets.map(({ endpoint }) => endpoint));
  picker.pick(model, []);
  const end = (one: Target, outcome: Outcome) => {
    picker.began(one);
    picker.ended(one, outcome);
  };
  const times = (n: number, one: Target, outcome: Outcome) => {
    for (let i = 0; i < n; i += 1) end(one, outcome);
  };
  const aside = (one: Target) => one.endpoint.health.ejected(clock.monotonic());
  return { clock, picker, targets, model, end, times, aside };
}

describe('an engine that cannot be reached', () => {
  it('is set aside for a while that doubles, up to its limit, and is forgiven when it answers', () => {
    const { clock, targets, end, aside } = fleet(2);
    const one = targets[0]!;
    const asideFor = () => {
      end(one, 'unreachable');
      let ms = 0;
      for (; aside(one); ms += 1_000) clock.advance(1_000);
      return ms;
    };
    expect([0, 1, 2, 3, 4, 5].map(asideFor)).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    end(one, 'answered');
    expect(asideFor()).toBe(2_000);
  });

  it('counts once for all requests that fail together', () => {
    const { clock, targets, picker, aside } = fleet(2);
    for (let i = 0; i < 10; i += 1) picker.began(targets[0]!);
    for (let i = 0; i < 10; i += 1) picker.ended(targets[0]!, 'unreachable');
    clock.advance(2_001);
    expect(aside(targets[0]!)).toBe(false);
  });

  it('is used all the same when all are set aside', () => {
    const { targets, end, picker, model } = fleet(2);
    for (const one of targets) end(one, 'unreachable');
    expect(picker.pick(model, [])).toBeDefined();
  });

  it('is trusted again only after one request on trial was answered', () => {
    const { clock, targets, end, picker, aside } = fleet(2);
    const one = targets[0]!;
    end(one, 'unreachable');
    clock.advance(2_000);
    expect(aside(one)).toBe(false);
    picker.began(one);
    expect(aside(one)).toBe(true);
    picker.ended(one, 'answered');
    expect(aside(one)).toBe(false);
  });

  it('takes up its share slowly when it is back', () => {
    const { clock, targets, end, picker, model } = fleet(2);
    const [back, other] = targets as [Target, Target];
    end(back, 'unreachable');
    clock.advance(2_000);
    end(back, 'answered');
    other.endpoint.inFlight = 20;
    clock.advance(100);
    const first = Array.from({ length: 14 }, () => {
      const picked = picker.pick(model, [])!;
      picker.began(picked);
      return idOf(picked);
    });
    expect(first).toContain('e1');
    clock.advance(10_000);
    expect(idOf(picker.pick(model, []))).toBe('e0');
  });
});

describe('an engine that fails', () => {
  it('is set aside after five failures in a row', () => {
    const { targets, times, end, aside } = fleet(4);
    times(4, targets[0]!, 'failed');
    end(targets[0]!, 'answered');
    times(4, targets[0]!, 'failed');
    expect(aside(targets[0]!)).toBe(false);
    end(targets[0]!, 'failed');
    expect(aside(targets[0]!)).toBe(true);
  });

  it('is set aside when most of its requests fail and its peers’ do not', () => {
    const { targets, times, aside } = fleet(4);
    times(10, targets[1]!, 'answered');
    for (let i = 0; i < 8 && !aside(targets[0]!); i += 1) {
      times(1, targets[0]!, 'answered');
      times(4, targets[0]!, 'failed');
    }
    expect(aside(targets[0]!)).toBe(true);
  });

  it('never takes more than half of its peers with it', () => {
    const { targets, times, aside } = fleet(4);
    for (const one of targets) times(20, one, 'failed');
    expect(targets.filter(aside)).toHaveLength(2);
  });
});

describe('an engine that is slow', () => {
  const answer = (from: ReturnType<typeof fleet>, one: Target, ms: number) => {
    const request = asking('x'.repeat(4_000));
    from.picker.pick(from.model, [], request);
    from.picker.began(one, request);
    from.clock.advance(ms);
    from.picker.firstToken(one, ms, request);
    from.picker.ended(one, 'answered', request);
  };

  it('is set aside when its peers take a fraction of its time, and tried again later', () => {
    const all = fleet(4);
    for (let i = 0; i < 5; i += 1)
      for (const one of all.targets) answer(all, one, one === all.targets[0] ? 3_000 : 300);
    all.picker.pick(all.model, []);
    expect(all.targets.map(all.aside)).toEqual([true, false, false, false]);
    all.clock.advance(2_000);
    answer(all, all.targets[0]!, 3_000);
    expect(all.aside(all.targets[0]!)).toBe(true);
    all.clock.advance(4_000);
    answer(all, all.targets[0]!, 300);
    expect(all.aside(all.targets[0]!)).toBe(false);
  });

  it('is left alone while all are', () => {
    const all = fleet(4);
    for (let i = 0; i < 5; i += 1) for (const one of all.targets) answer(all, one, 3_000);
    all.picker.pick(all.model, []);
    expect(all.targets.some(all.aside)).toBe(false);
  });
});
