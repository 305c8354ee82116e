import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Clock } from '../clock.ts';
import { parsePlatformFile } from './platform-file.ts';
import { watchPlatformFile } from './watched-file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A clock whose `every` fires by hand. */
function manualTicks(): Clock & { tick(): void } {
  const runs: (() => void)[] = [];
  return {
    now: () => 0,
    monotonic: () => 0,
    after: () => ({ cancel: () => undefined }),
    every: (_ms, run) => {
      runs.push(run);
      return { cancel: () => void runs.splice(runs.indexOf(run), 1) };
    },
    tick: () => runs.forEach((run) => run()),
  };
}

describe('the platform file', () => {
  it('may be empty', () => {
    expect(parsePlatformFile('')).toMatchObject({
      providers: [],
      models: [],
      safety: { packs: ['baseline'], on_timeout: 'open' },
    });
  });

  it('names the field that is wrong', () => {
    expect(() => parsePlatformFile('providers: [{ name: a, kind: abacus }]')).toThrow(/providers\.0\.kind/);
    expect(() => parsePlatformFile('modles: []')).toThrow(/modles/);
    expect(() => parsePlatformFile('a: [')).toThrow(/not valid YAML/);
  });

  it('follows changes, and keeps the last good version when a change is broken', () => {
    const file = path.join(folder, 'flotilla.yaml');
    const clock = manualTicks();
    writeFileSync(file, 'default_provider: one');
    const problems: string[] = [];
    const watched = watchPlatformFile(file, { clock, onProblem: (problem) => problems.push(problem) });
    const seen: (string | undefined)[] = [];
    watched.onChange((value) => seen.push(value.default_provider));

    writeFileSync(file, 'default_provider: second');
    clock.tick();
    expect(watched.current.default_provider).toBe('second');

    writeFileSync(file, 'default_provider: [broken');
    clock.tick();
    expect(watched.current.default_provider).toBe('second');
    expect(watched.problem).toMatch(/not valid YAML/);
    expect(problems).toHaveLength(1);

    writeFileSync(file, 'default_provider: third-one');
    clock.tick();
    expect(watched.problem).toBeUndefined();
    expect(seen).toEqual(['second', 'third-one']);

    watched.close();
    writeFileSync(file, 'default_provider: after-the-close');
    clock.tick();
    expect(watched.current.default_provider).toBe('third-one');
  });

  it('throws when the file cannot be read at first', () => {
    expect(() => watchPlatformFile(path.join(folder, 'absent.yaml'))).toThrow(/absent\.yaml/);
  });

  it('has tiers to begin with, each of which the file may replace as a whole', () => {
    expect(Object.keys(parsePlatformFile('').tiers)).toEqual(['free', 'pro', 'enterprise']);
    const { tiers } = parsePlatformFile('tiers: { free: { requests_per_day: 3 } }');
    expect(tiers['free']).toEqual({
      requests_per_day: 3,
      default_max_tokens: 4_096,
      mode: 'strict',
      priority: 'interactive',
    });
    expect(tiers['pro']?.mode).toBe('lease');
  });
});
