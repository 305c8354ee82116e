import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { RotatingFile } from './rotating-file.ts';

const root = mkdtempSync(path.join(tmpdir(), 'flotilla-transcripts-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const newFile = () => path.join(root, `${(count += 1)}`, 'transcripts.jsonl');
const linesOf = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1);

describe('a file of transcripts', () => {
  it('is made with its folder, for its owner alone, and goes on after a restart', async () => {
    const name = newFile();
    for (const line of ['one', 'two']) {
      const file = new RotatingFile(name, 1_000, 2);
      await file.append([line]);
      await file.close();
    }
    expect(linesOf(name)).toEqual(['one', 'two']);
    expect(statSync(name).mode & 0o777).toBe(0o600);
  });

  it('is set aside when it is full; as many as are kept stay, and no line is torn', async () => {
    const name = newFile();
    const file = new RotatingFile(name, 30, 2);
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`.padEnd(9, '.'));
    await file.append(lines.slice(0, 13));
    for (const line of lines.slice(13)) await file.append([line]);
    await file.close();
    expect(readdirSync(path.dirname(name)).sort()).toEqual(
      [0, 1, 2].map((n) => path.basename(name) + (n ? `.${n}` : '')),
    );
    const kept = [`${name}.2`, `${name}.1`, name].flatMap(linesOf);
    expect(kept).toEqual(lines.slice(-kept.length));
    for (const each of [`${name}.2`, `${name}.1`, name]) expect(statSync(each).size).toBeLessThanOrEqual(30);
  });

  it('takes a line that is longer than a file, as one of its own', async () => {
    const name = newFile();
    const file = new RotatingFile(name, 10, 3);
    await file.append(['a', 'x'.repeat(50), 'b']);
    await file.close();
    expect([linesOf(`${name}.2`), linesOf(`${name}.1`), linesOf(name)]).toEqual([['a'], ['x'.repeat(50)], ['b']]);
  });

  it('is begun anew when somebody else set it aside or deleted it', async () => {
    const name = newFile();
    const file = new RotatingFile(name, 1_000, 2);
    await file.append(['one']);
    renameSync(name, `${name}.old`);
    await file.append(['two']);
    rmSync(name);
    await file.append(['three']);
    await file.close();
    expect([linesOf(`${name}.old`), linesOf(name)]).toEqual([['one'], ['three']]);
  });

  it('says that it cannot be written, and goes on when it can', async () => {
    const name = newFile();
    const folder = path.dirname(name);
    writeFileSync(folder, 'in the way');
    const file = new RotatingFile(name, 1_000, 2);
    await expect(file.append(['lost'])).rejects.toThrow();
    rmSync(folder);
    await file.append(['kept']);
    await file.close();
    expect(linesOf(name)).toEqual(['kept']);
    expect(existsSync(`${name}.1`)).toBe(false);
  });
});
