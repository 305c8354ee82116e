import { afterEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { startOtlpReceiver, type OtlpReceiver } from './otlp-receiver.ts';
import { endSpan, recordsSpans, span, startSpan, withSpan } from './spans.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';
import { remoteSpan, traceparent, withTraceparent } from './trace-context.ts';

const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('traces', () => {
  let telemetry: Telemetry | undefined;
  let receiver: OtlpReceiver | undefined;
  afterEach(async () => {
    await telemetry?.shutdown();
    await receiver?.close();
    telemetry = undefined;
    receiver = undefined;
  });

  it('reach a collector as one tree, under the trace of the caller, when the process ends', async () => {
    receiver = await startOtlpReceiver();
    telemetry = await startTelemetry({ service: 'rag', version: '1', otlpEndpoint: receiver.endpoint, metrics: false });
    await withTraceparent(header, () =>
      span(
        'retrieve',
        { 'db.system': 'postgresql', rows: 3 },
        async () => {
          await new Promise(setImmediate);
          expect(span('fuse', {}, () => 42)).toBe(42);
          const stream = startSpan('stream', {}, { kind: 'client' });
          expect(withSpan(stream, traceparent)).toContain(stream.spanContext().spanId);
          endSpan(stream, new FlotillaError('unavailable', 'with a prompt in it'));
        },
        { kind: 'server' },
      ),
    );
    await telemetry.shutdown();
    const spans = receiver.spans();
    const byName = Object.fromEntries(spans.map((each) => [each.name, each]));
    expect(new Set(spans.map((each) => each.traceId))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
    expect(byName['retrieve']).toMatchObject({
      parentSpanId: 'b7ad6b7169203331',
      service: 'rag',
      attributes: { 'db.system': 'postgresql', rows: 3 },
      error: undefined,
    });
    expect(byName['fuse']!.parentSpanId).toBe(byName['retrieve']!.spanId);
    expect(byName['stream']).toMatchObject({ parentSpanId: byName['retrieve']!.spanId, error: 'unavailable' });
    expect(JSON.stringify(spans)).not.toContain('with a prompt in it');
  });

  it('mark a span whose work throws or rejects, and pass the error on', async () => {
    receiver = await startOtlpReceiver();
    telemetry = await startTelemetry({ service: 'rag', otlpEndpoint: receiver.endpoint, metrics: false });
    const fail = () => {
      throw new TypeError('x');
    };
    expect(() => span('sync', {}, fail)).toThrow(TypeError);
    await expect(span('async', {}, async () => fail())).rejects.toThrow('x');
    await telemetry.shutdown();
    expect(receiver.spans().map(({ name, error }) => [name, error])).toEqual([
      ['sync', 'TypeError'],
      ['async', 'TypeError'],
    ]);
  });

  it('pass through without a collector, and no span is made', async () => {
    telemetry = await startTelemetry({ service: 'rag', metrics: false });
    expect(recordsSpans()).toBe(false);
    await withTraceparent(header, async () => {
      await new Promise(setImmediate);
      expect(span('x', {}, traceparent)).toBe(header);
    });
    expect(traceparent()).toBeUndefined();
  });

  it('are recorded as the caller decided, whatever the ratio', async () => {
    receiver = await startOtlpReceiver();
    telemetry = await startTelemetry({
      service: 'rag',
      otlpEndpoint: receiver.endpoint,
      sampleRatio: 0,
      metrics: false,
    });
    span('own', {}, () => undefined);
    withTraceparent(header.replace(/01$/, '00'), () => span('not sampled', {}, () => undefined));
    withTraceparent(header, () => span('sampled', {}, () => undefined));
    await telemetry.shutdown();
    expect(receiver.spans().map(({ name }) => name)).toEqual(['sampled']);
  });

  it('do not hold up the end of the process when the collector is gone, but say so', async () => {
    receiver = await startOtlpReceiver();
    const { endpoint } = receiver;
    await receiver.close();
    const lines: string[] = [];
    const logSink = (line: string) => void lines.push(line);
    telemetry = await startTelemetry({ service: 'rag', otlpEndpoint: endpoint, metrics: false, logSink });
    span('x', {}, () => undefined);
    await telemetry.shutdown();
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      'the last spans were not delivered',
    ]);
  });

  it('are not taken from a header that is malformed', () => {
    const bad = [
      '',
      'x',
      header.slice(0, -1),
      header.replace('00-', 'ff-'),
      header.replace(/-b7[^-]+/, `-${'0'.repeat(16)}`),
    ];
    for (const each of [...bad, header.toUpperCase(), `${header}\n`]) expect(remoteSpan(each)).toBeUndefined();
    expect(remoteSpan(header)).toMatchObject({ spanId: 'b7ad6b7169203331', traceFlags: 1 });
  });
});

describe('telemetry of a process', () => {
  it('starts once, again after its end, and shows what the process uses', async () => {
    const first = await startTelemetry({ service: 'a' });
    await expect(startTelemetry({ service: 'b' })).rejects.toThrow('started for a');
    const text = await first.metricsText();
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d{6,}/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds\{quantile="0.99"\} \d/m);
    await first.shutdown();
    await first.shutdown();
    await (await startTelemetry({ service: 'b', metrics: false })).shutdown();
  });
});
