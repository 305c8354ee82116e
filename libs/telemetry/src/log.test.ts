import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { logger } from './log.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';
import { withRequestId, withTraceparent } from './trace-context.ts';

describe('a log line', () => {
  let telemetry: Telemetry;
  const lines: string[] = [];
  const last = () => JSON.parse(lines.at(-1)!) as Record<string, unknown>;

  beforeEach(async () => {
    lines.length = 0;
    telemetry = await startTelemetry({
      service: 'rag',
      metrics: false,
      logLevel: 'info',
      logSink: (line) => lines.push(line),
    });
  });
  afterEach(() => telemetry.shutdown());

  it('says when, how bad, where and what, in one line of JSON', () => {
    logger('retrieval').warn('slow\nanswer', { ms: 300 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('\n');
    expect(last()).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'warn',
      service: 'rag',
      scope: 'retrieval',
      message: 'slow\nanswer',
      fields: { ms: 300 },
    });
  });

  it('carries the request and the trace it belongs to, through awaits', async () => {
    await withTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', () =>
      withRequestId('req_1', async () => {
        await new Promise(setImmediate);
        logger('x').info('here');
      }),
    );
    expect(last()).toMatchObject({
      request_id: 'req_1',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
    });
  });

  it('is not written below the level, nor with a secret in message or fields', () => {
    logger('x').debug('hidden');
    expect(lines).toHaveLength(0);
    logger('x').error('key sk-0123456789abcdef refused', {
      headers: { authorization: 'Bearer abc' },
      prompt: 'who am I',
    });
    expect(lines[0]).not.toMatch(/0123456789|abc"|who am I/);
  });

  it('never throws: an output that is gone, fields that cannot be read', async () => {
    await telemetry.shutdown();
    telemetry = await startTelemetry({
      service: 'rag',
      metrics: false,
      logSink: () => {
        throw new Error('gone');
      },
    });
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    expect(() => logger('x').info('m', { hostile })).not.toThrow();
  });
});
