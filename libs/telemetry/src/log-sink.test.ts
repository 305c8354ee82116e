import { execFile } from 'node:child_process';
import path from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { standardOutputSink } from './log-sink.ts';

/** An output that takes what is written only when told to. */
function stuckStream() {
  const written: string[] = [];
  let take: () => void = () => undefined;
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      take = () => {
        take = () => undefined;
        written.push(chunk.toString());
        done();
      };
    },
    highWaterMark: 1,
  });
  return { stream: stream as unknown as NodeJS.WriteStream, written, take: () => take() };
}

/** Longer than lines are gathered for here. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('log lines on standard output', () => {
  it('go out together at the end of the turn, in order', async () => {
    const { stream, written, take } = stuckStream();
    const sink = standardOutputSink(stream, 1);
    sink('1');
    sink('2');
    await turn();
    take();
    expect(written).toEqual(['1\n2\n']);
  });

  it('are dropped and counted while nobody reads, and the process goes on in bounded memory', async () => {
    const { stream, written, take } = stuckStream();
    const sink = standardOutputSink(stream, 1);
    const line = 'x'.repeat(1_000_000);
    for (let index = 0; index < 50; index += 1) {
      sink(line);
      await turn();
    }
    expect(stream.writableLength).toBeLessThan(8_000_000);
    for (let index = 0; index < 50; index += 1) {
      take();
      await turn();
    }
    sink('after');
    await turn();
    take();
    await turn();
    take();
    expect(written.slice(-2).join('')).toMatch(/^\{.*"\d+ log lines dropped"\}\nafter\n$/);
  });

  it('are written even when the process exits in the same turn', async () => {
    const module = JSON.stringify(path.join(import.meta.dirname, 'log-sink.ts'));
    const script = `const { standardOutputSink } = await import(${module}); standardOutputSink()('last words'); process.exit(3);`;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    await expect(run).rejects.toMatchObject({ code: 3, stdout: 'last words\n' });
  });
});
