import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { freePort, startChild, takesConnections, until, type Readiness } from './index.ts';

const node = (source: string, ready?: Readiness, extra: { readyTimeoutMs?: number; stopTimeoutMs?: number } = {}) =>
  startChild({ command: process.execPath, args: ['-e', source], ...(ready && { ready }), ...extra });

/** A zombie, which its new parent has not asked for yet, is dead. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc') || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const stays = 'setInterval(() => {}, 1000);';

describe('a child process', () => {
  it('is ready when it wrote the line, and its output is kept', async () => {
    const child = await node(`console.log('up'); console.error('noise'); ${stays}`, { line: /^up$/ });
    await until(() => child.output.includes('noise'));
    expect(child.exit).toBeUndefined();
    await child.stop();
    expect(child.exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(isAlive(child.pid)).toBe(false);
  });

  it('is ready when its port takes connections, or its URL answers well', async () => {
    const serve = (port: number, status: string) =>
      `require('node:http').createServer((_, r) => r.writeHead(${status}).end()).listen(${port}, '127.0.0.1')`;
    const [first, second] = [await freePort(), await freePort()];
    const byPort = await node(serve(first, '500'), { port: first });
    const late = `Date.now() > ${Date.now() + 200} ? 200 : 503`;
    const byUrl = await node(serve(second, late), { url: `http://127.0.0.1:${second}/` });
    expect(await takesConnections(first)).toBe(true);
    await Promise.all([byPort.stop(), byUrl.stop()]);
    expect(await takesConnections(first)).toBe(false);
  });

  it('that ends before it is ready is an error with its output', async () => {
    const outcome = node(`console.error('no such flag'); process.exit(3)`, { line: /ready/ });
    await expect(outcome).rejects.toThrow(/did not start: no such flag/);
  });

  it('that is late is ended', async () => {
    const outcome = node(`console.log('pid ' + process.pid); ${stays}`, { line: /^ready$/ }, { readyTimeoutMs: 1_000 });
    const error = await outcome.catch((e: Error) => e);
    const pid = Number(/pid (\d+)/.exec(String(error))?.[1]);
    expect(pid).toBeGreaterThan(0);
    expect(isAlive(pid)).toBe(false);
  });

  it('that cannot be run is an error', async () => {
    await expect(startChild({ command: '/nonexistent/tool', ready: { line: /^ready$/ } })).rejects.toThrow(
      /did not start/,
    );
  });

  it('that ignores the polite signal is killed after the deadline', async () => {
    const deaf = `process.on('SIGTERM', () => {}); console.log('up'); ${stays}`;
    const child = await node(deaf, { line: /^up$/ }, { stopTimeoutMs: 50 });
    await child.stop();
    expect(child.exit?.signal).toBe('SIGKILL');
    await child.stop();
    await child.kill();
  });

  it('does not outlive the process that started it, however that ends', async () => {
    const index = JSON.stringify(new URL('./child-process.ts', import.meta.url).href);
    const parent = await startChild({
      command: process.execPath,
      args: [
        '--input-type=module',
        '-e',
        `const { startChild } = await import(${index});
         const child = await startChild({ command: process.execPath, args: ['-e', ${JSON.stringify(stays)}] });
         console.log('child ' + child.pid); ${stays}`,
      ],
      ready: { line: /^child \d+/ },
    });
    const pid = Number(/child (\d+)/.exec(parent.output)![1]);
    expect(isAlive(pid)).toBe(true);
    await parent.kill();
    await until(() => !isAlive(pid), { what: 'the grandchild to end' });
  });
});
