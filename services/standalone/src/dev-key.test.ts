import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { devKey } from './dev-key.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-key-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the dev key', () => {
  it('is made once, kept for its owner only, and found again', () => {
    const first = devKey(folder);
    expect(first).toMatch(/^sk-flotilla-[\w-]{32}$/);
    expect(statSync(path.join(folder, 'dev-key')).mode & 0o777).toBe(0o600);
    expect(devKey(folder)).toBe(first);
  });

  it('is what the configuration says, which is then what is kept', () => {
    expect(devKey(folder, 'sk-configured')).toBe('sk-configured');
    expect(readFileSync(path.join(folder, 'dev-key'), 'utf8').trim()).toBe('sk-configured');
    expect(devKey(folder)).toBe('sk-configured');
  });
});
