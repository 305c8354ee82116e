import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { isAlive } from './fleet.fixture.ts';
import { createProcessHost } from './process-host.node.ts';

const host = createProcessHost(process.env, systemClock);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'host-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('a process', () => {
  it('that could not be written down never runs', async () => {
    const mark = path.join(folder, 'mark');
    let pid = 0;
    const spawned = host.spawn(
      { command: ['touch', mark], env: {} },
      {
        recorded(process) {
          pid = process.pid;
          throw new Error('the disk is full');
        },
      },
    );
    await expect(spawned).rejects.toThrow('the disk is full');
    await until(() => !isAlive(pid));
    expect(existsSync(mark)).toBe(false);
  });

  it('ends with everything it started', async () => {
    const file = path.join(folder, 'grandchild');
    const script = `sleep 600 & echo $! > ${file}.next; mv ${file}.next ${file}; wait`;
    const running = await host.spawn({ command: ['sh', '-c', script], env: {} });
    await until(() => existsSync(file));
    const grandchild = Number(readFileSync(file, 'utf8'));
    running.signal('SIGKILL');
    await running.ended;
    await until(() => !isAlive(grandchild));
  });

  it('whose program is not in the PATH, or may not be run, is refused', async () => {
    await expect(host.spawn({ command: ['no-such-program'], env: {} })).rejects.toMatchObject({ code: 'ENOENT' });
    const text = path.join(folder, 'text');
    writeFileSync(text, 'no program');
    await expect(host.spawn({ command: [text], env: {} })).rejects.toMatchObject({ code: 'EACCES' });
  });
});
