import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';

/** Node runs the source without a build. */
const main = path.join(path.dirname(fileURLToPath(import.meta.url)), 'main.ts');
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function run(command: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, command, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const part of child.stdout!) {
    text += String(part);
    if (text.includes('\n')) break;
  }
  return text.split('\n')[0]!;
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

const urlOf = (line: string) => /^engine-sim listening on (http:\S+)$/.exec(line)![1]!;

describe('the command', () => {
  it('says where it listens, serves, and ends with 0 on SIGTERM', async () => {
    const child = run([main, '--model', 'm'], { ENGINE_SIM_PORT: '0' });
    const url = urlOf(await firstLine(child));
    const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(data[0]!.id).toBe('m');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('says what is wrong with its options and ends with 1', async () => {
    const child = run([main, '--port', 'here']);
    let text = '';
    child.stderr!.on('data', (part) => (text += String(part)));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(text).toContain('engine-sim: --port: ');
  });

  it('ends when its parent is killed, when told to', async () => {
    const script = `require('node:child_process').spawn(process.execPath, [${JSON.stringify(main)}, '--exit-with-parent'], { stdio: 'inherit' })`;
    const parent = run(['-e', script]);
    const url = urlOf(await firstLine(parent));
    expect(await answers(url)).toBe(true);
    parent.kill('SIGKILL');
    let alive = true;
    for (let tries = 0; alive && tries < 500; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      alive = await answers(url);
    }
    expect(alive).toBe(false);
  });
});
