import { expect, it } from '@jest/globals';
import { startTelemetry, withTraceparent } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { sendJson, startFakeEngine } from '../fake-engine.fixture.ts';
import { keptAnswer } from './answer-store.contract.fixture.ts';
import { plan } from './cache.fixture.ts';
import { Replay } from './replay.ts';

it('a trace shows that an answer was kept', async () => {
  const collector = await startFakeEngine((response) => sendJson(response, {}));
  const telemetry = await startTelemetry({ service: 'test', otlpEndpoint: collector.url, logSink: () => undefined });
  try {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await withTraceparent(`00-${traceId}-b7ad6b7169203331-01`, async () => {
      for await (const _ of new Replay(plan(), 'semantic', keptAnswer('a')));
    });
    const spans = () => collector.seen.flatMap((seen) => seen.body.resourceSpans[0].scopeSpans[0].spans);
    const span = await until(() => spans().find((one) => one.name === 'chat m'));
    expect(span.traceId).toBe(traceId);
    expect(JSON.stringify(span.attributes)).toContain('{"key":"flotilla.cache","value":{"stringValue":"semantic"}}');
  } finally {
    await telemetry.shutdown();
    await collector.stop();
  }
});
