import { writeSync } from 'node:fs';

/** Takes one finished log line, without its line feed. */
export type LogSink = (line: string) => void;

/** Characters that may wait for standard output to take them; more are dropped and counted. */
const maxWaiting = 4 * 1024 * 1024;

/** Characters after which what waits is written at once. */
const writeAt = 64 * 1024;

/**
 * Standard output, one write for the lines of `gatherMs` milliseconds: a write costs as much as answering a request. Lines that a stuck reader keeps from being written are dropped
 * above 4 Mi characters: a log never takes the process down. What waits at exit is written before the process ends.
 */
export function standardOutputSink(stream: NodeJS.WriteStream = process.stdout, gatherMs = 20): LogSink {
  let waiting = '';
  let dropped = 0;
  const flush = () => {
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    if (stream.writableLength > maxWaiting) {
      dropped += text.split('\n').length - 1;
      return;
    }
    if (dropped > 0) {
      stream.write(
        `${JSON.stringify({ level: 'warn', scope: 'telemetry', message: `${dropped} log lines dropped` })}\n`,
      );
      dropped = 0;
    }
    stream.write(text);
  };
  process.on('exit', () => {
    try {
      if (waiting) writeSync(1, waiting);
    } catch {
      // Nobody reads any more.
    }
  });
  return (line) => {
    if (waiting === '') setTimeout(flush, gatherMs).unref();
    waiting += `${line}\n`;
    if (waiting.length > writeAt) flush();
  };
}
