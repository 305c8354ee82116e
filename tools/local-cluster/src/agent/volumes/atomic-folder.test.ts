import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeAtomically } from './atomic-folder.ts';

let folder: string;
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'flotilla-volume-')), 'volume');
});
afterEach(() => rmSync(path.dirname(folder), { recursive: true }));

const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');

describe('a volume of files', () => {
  it('holds exactly what it was given last, and nothing of what was before', () => {
    writeAtomically(folder, { a: '1', 'deep/b': '2' });
    expect([read('a'), read('deep/b')]).toEqual(['1', '2']);
    writeAtomically(folder, { a: 'new', c: '3' });
    expect([read('a'), read('c')]).toEqual(['new', '3']);
    expect(readdirSync(folder).filter((name) => !name.startsWith('..version-'))).toEqual(['..data', 'a', 'c']);
    expect(readdirSync(folder)).toHaveLength(4);
  });

  it('writes nothing outside of itself', () => {
    expect(() => writeAtomically(folder, { '../out': 'x' })).toThrow('leads out of its volume');
    expect(existsSync(path.join(folder, '..', 'out'))).toBe(false);
  });
});
