import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import type { ProbeSpec } from '../pod-spec.ts';
import { probedOften } from './often.ts';
import { startProbe } from './probe-loop.ts';

/** Runs a probe over checks that go as the text says, `+` well and `-` not; what it said after each. */
async function verdicts(spec: ProbeSpec, checks: string): Promise<string> {
  const clock = createFakeClock();
  let at = 0;
  let said = '';
  const check = async () => {
    if (checks[at] === '-') throw new Error('no');
  };
  const stop = startProbe({ initialDelaySeconds: 3, periodSeconds: 2, ...spec }, clock, check, {
    verdict: ({ healthy }) => (said += healthy ? '+' : '-'),
    failed: () => undefined,
  });
  await clock.advanceAsync(2_999);
  said += '|';
  await clock.advanceAsync(1);
  for (at = 1; at < checks.length; at += 1) {
    said += '.';
    await clock.advanceAsync(2_000);
  }
  stop();
  expect(clock.pending).toBe(0);
  return said;
}

describe('a probe', () => {
  it.each([
    [{}, '++', '|+.'],
    [{}, '--+', '|..+'],
    [{}, '---', '|..-'],
    [{}, '+--+---+', '|+......-.+'],
    [{ successThreshold: 2, failureThreshold: 1 }, '+-++', '|.-..+'],
  ])('%j over checks %s says %s', async (spec, checks, wanted) => {
    expect(await verdicts(spec, checks)).toBe(wanted);
  });
});

it('that is asked more often fails no sooner, and one that is asked often enough stays as it is', () => {
  const container = {
    ...{ name: 'a', image: 'i', livenessProbe: { periodSeconds: 10 } },
    startupProbe: { periodSeconds: 5, failureThreshold: 360, timeoutSeconds: 3 },
    readinessProbe: { periodSeconds: 1, failureThreshold: 1 },
  };
  const often = probedOften(container, 1_000);
  expect(often.startupProbe).toEqual({ periodSeconds: 1, failureThreshold: 1_800, timeoutSeconds: 3 });
  expect([often.readinessProbe, often.livenessProbe]).toEqual([container.readinessProbe, container.livenessProbe]);
});
