import { afterEach, describe, expect, it } from '@jest/globals';
import { prometheusText, startTelemetry, withTraceparent } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { answers, sendJson, startFakeEngine } from '../fake-engine.fixture.ts';
import { engine, startRouter } from '../router.fixture.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

describe('what operators see', () => {
  it('is one span of a request within its trace, which the engine is told of too', async () => {
    const collector = kept(await startFakeEngine((response) => sendJson(response, {})));
    const telemetry = await startTelemetry({
      service: 'test',
      otlpEndpoint: collector.url,
      logSink: () => undefined,
    });
    open.push({ stop: () => telemetry.shutdown() });
    const fakes = [kept(await startFakeEngine(answers('a', 'b'))), kept(await startFakeEngine(answers('a', 'b')))];
    let failed = false;
    for (const fake of fakes) {
      fake.script = (response, seen) => {
        if (failed) return answers('a', 'b')(response, seen);
        failed = true;
        sendJson(response, {}, 500);
      };
    }
    const service = kept(
      await startRouter({ engines: fakes.map((fake, i) => engine(`e${i}`, `${fake.url}/v1`, ['m'])) }),
    );
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await withTraceparent(`00-${traceId}-b7ad6b7169203331-01`, () => service.generate());
    const parents = fakes.map((fake) => String(fake.seen[0]!.headers['traceparent']).split('-'));
    // Failing over keeps the trace, though it begins in the engine's callback.
    expect(parents.map((parent) => parent[1])).toEqual([traceId, traceId]);
    const spans = () => collector.seen.flatMap((seen) => seen.body.resourceSpans[0].scopeSpans[0].spans);
    const span = await until(() => spans().find((one) => one.name === 'chat m'));
    expect(span).toMatchObject({ traceId, spanId: parents[0]![2] });
    const attributes = Object.fromEntries(
      span.attributes.map((row: { key: string; value: object }) => [row.key, Object.values(row.value)[0]]),
    );
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'm',
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 2,
    });
  });

  it('are durations, first tokens, tokens and failovers by model and provider', async () => {
    const fake = kept(await startFakeEngine(answers('a', 'b')));
    const service = kept(await startRouter({ engines: [engine('seen', `${fake.url}/v1`, ['seen-model'])] }));
    await service.generate({ model: 'seen-model' });
    const text = prometheusText();
    for (const name of [
      'gen_ai_server_request_duration_seconds',
      'gen_ai_server_time_to_first_token_seconds',
      'gen_ai_server_time_per_output_token_seconds',
    ]) {
      expect(text).toMatch(new RegExp(`${name}_count\\{[^}]*gen_ai_request_model="seen-model"[^}]*\\} 1`));
    }
    expect(text).toMatch(/gen_ai_client_token_usage\w*_sum\{[^}]*seen-model[^}]*gen_ai_token_type="output"[^}]*\} 2/);
    expect(text).toMatch(/flotilla_router_in_flight\{[^}]*seen-model[^}]*\} 0/);
  });

  it('is what chats cost, by model and provider', async () => {
    const fake = kept(await startFakeEngine(answers('a', 'b')));
    const price = { input: 1, output: 2 };
    const service = kept(
      await startRouter({
        file: {
          providers: [{ name: 'paid', kind: 'vllm', base_url: fake.url }],
          models: [{ name: 'dear', targets: [{ provider: 'paid', model: 'served' }], price }],
        },
        engines: [engine('paid', fake.url, ['served'])],
      }),
    );
    await service.generate({ model: 'dear' });
    const line = prometheusText()
      .split('\n')
      .find((text) => text.startsWith('flotilla_router_cost_usd_total') && text.includes('model="dear"'));
    expect(line).toContain('provider="paid"');
    // 7 tokens in, 2 out.
    expect(Number(line!.split(' ').at(-1))).toBeCloseTo(11e-6, 9);
  });

  it('holds no names that clients made up', async () => {
    const fake = kept(await startFakeEngine(answers('a')));
    const providers = [{ name: 'any', kind: 'openai', base_url: `${fake.url}/v1` }];
    const service = kept(await startRouter({ file: { providers, default_provider: 'any' } }));
    await service.generate({ model: 'made-up' });
    expect(prometheusText()).not.toContain('made-up');
  });
});
