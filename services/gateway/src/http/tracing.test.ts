import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { startTelemetry, traceparent, type Telemetry } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devKey, says, startPlatform, type Platform } from '../platform.fixture.ts';

interface Spans {
  resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
}
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  status: { code?: number };
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
}

let platform: Platform;
let telemetry: Telemetry;
const lines: string[] = [];
const spans: Span[] = [];
/** An OTLP/HTTP collector that keeps what it is sent. */
const collector = createServer((request, response) => {
  let text = '';
  request.on('data', (data: Buffer) => (text += data.toString()));
  request.on('end', () => {
    for (const { scopeSpans } of (JSON.parse(text) as Spans).resourceSpans)
      spans.push(...scopeSpans.flatMap((scope) => scope.spans));
    response.end('{}');
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  telemetry = await startTelemetry({
    service: 'gateway',
    otlpEndpoint: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    metrics: false,
    logLevel: 'info',
    logSink: (line) => void lines.push(line),
  });
  platform = await startPlatform({ accessLog: true }, { metrics: () => telemetry.metricsText() });
});
afterAll(async () => {
  await platform.stop();
  await telemetry.shutdown();
  await new Promise((resolve) => collector.close(resolve));
});

const traceId = '0af7651916cd43dd8448eb211c80319c';
const chat = (id: string) =>
  fetch(`${platform.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${devKey}`, 'content-type': 'application/json', 'x-request-id': 'mine' },
      traceparent: `00-${traceId}-${id}-01`,
    },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'a secret' }] }),
  });
const spanUnder = (parent: string) => until(() => spans.find(({ parentSpanId }) => parentSpanId === parent));

describe('a request', () => {
  it("is a span of the client's trace, and so is what it calls", async () => {
    let inside: string | undefined;
    platform.behind.chat = (request, context) => {
      inside = traceparent();
      return says('Hello')(request, context);
    };
    expect((await chat('b7ad6b7169203331')).status).toBe(200);
    const span = await spanUnder('b7ad6b7169203331');
    expect(span).toMatchObject({ traceId, name: 'POST /v1/chat/completions', status: {} });
    expect(span.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: 200 } });
    expect(inside).toContain(traceId);
    expect((await spanUnder(span.spanId)).traceId).toBe(traceId);
  });

  it.each([
    ['invalid_request', 'b7ad6b7169203332', undefined],
    ['engine_unavailable', 'b7ad6b7169203333', 2],
  ] as const)('that fails with %s is marked as failed only when that is our fault', async (code, id, status) => {
    platform.behind.chat = async function* () {
      throw new FlotillaError(code);
    };
    await chat(id);
    const span = await spanUnder(id);
    expect(span.status.code || undefined).toBe(status);
    expect(span.attributes).toContainEqual({ key: 'error.type', value: { stringValue: code } });
  });

  it('leaves one line in the log with its ids, and nothing of the prompt or the key', async () => {
    lines.length = 0;
    platform.behind.chat = says('Hello');
    await chat('b7ad6b7169203334');
    await until(() => lines.length > 0);
    const text = lines.join('');
    expect(text).toContain('"route":"/v1/chat/completions"');
    expect(text).toContain('"client_request_id":"mine"');
    expect(text).toContain('"request_id":"req_');
    expect(text).toContain(`"trace_id":"${traceId}"`);
    expect(text).not.toContain('secret');
    expect(text).not.toContain(devKey);
  });

  it('is counted by route, method and status', async () => {
    const text = await (await fetch(`${platform.url}/metrics`)).text();
    expect(text).toMatch(/flotilla_gateway_http_requests_total\{[^}]*route="\/v1\/chat\/completions"[^}]*\} [1-9]/);
    expect(text).toContain('flotilla_gateway_tokens_total');
  });
});
