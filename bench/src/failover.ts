import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMemoryBus } from '@flotilla/bus';
import { fleet, router } from '@flotilla/contracts';
import { liveValue, platformFileSchema } from '@flotilla/kernel';
import { createRouter, defaults } from '@flotilla/llm-router';
import { createMemoryNetwork } from '@flotilla/rpc';
import { startTelemetry } from '@flotilla/telemetry';
import { freePort } from '@flotilla/testkit';
import { atMost, type BenchRow } from './row.ts';

const samples = 100;
/** Requests of each kind before it is measured: connections are made, and V8 has compiled what is hot. */
const warmUp = 20;
/** The limit of the engine that hangs. What failing over adds is counted from there. */
const firstTokenMs = 200;

const chunk = (choice: object) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
const answer = `${chunk({ delta: { content: 'fine' } })}${chunk({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`;

async function listen(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}

/**
 * What it adds to the first token that the first engine asked fails: against a request whose engine is well, in one process,
 * one request after the other. Each is the first that meets its failing engine, for the second one would pass it over. ~30 s.
 */
export async function benchFailover(): Promise<BenchRow[]> {
  const good = await listen((_, response) => response.end(answer));
  const broken = await listen((_, response) => response.writeHead(500).end('{}'));
  const silent = await listen(() => undefined);
  const urls = { 'dead port': `http://127.0.0.1:${await freePort()}/v1`, 'status 500': broken.url, hang: silent.url };
  const kinds = Object.entries(urls);
  const names = kinds.map(([, base_url], kind) =>
    Array.from({ length: samples + warmUp }, (__, i) => ({ name: `bad-${kind}-${i}`, base_url })),
  );
  const bad = names.flat().map((provider) => ({ ...provider, timeouts: { first_token_ms: firstTokenMs } }));
  const file = platformFileSchema.parse({
    providers: [{ name: 'good', base_url: good.url }, ...bad].map((provider) => ({ ...provider, kind: 'vllm' })),
    models: [
      { name: 'good', targets: [{ provider: 'good', model: 'm' }] },
      ...bad.map(({ name }) => ({ name, targets: [{ provider: name, model: 'm' }], fallbacks: ['good/m'] })),
    ],
  });
  const rpc = createMemoryNetwork();
  const bus = createMemoryBus();
  rpc.serve(fleet.FleetDefinition, {
    listEngines: async () => ({ engines: [] }),
    startEngine: () => Promise.reject(new Error('not here')),
    stopEngine: () => Promise.reject(new Error('not here')),
  });
  // Every request here fails over: no budget of a real platform would allow that.
  const config = { ...defaults, retryMinPerSecond: 1_000 };
  // Each failover is a line.
  const telemetry = await startTelemetry({ service: 'bench', logSink: () => undefined });
  const service = createRouter(config, { rpc, bus, file: liveValue(file), env: {} });
  await service.start();
  await rpc.listen();
  try {
    const client = rpc.client(router.RouterDefinition);
    /** Milliseconds to the first token. */
    const ask = async (model: string): Promise<number> => {
      const request = { model, stream: true, messages: [{ role: 'user', content: 'hello' }] };
      const startedAt = performance.now();
      let first = 0;
      for await (const { event } of client.generate(router.GenerateRequest.fromPartial(request))) {
        if (event?.$case === 'choices' && first === 0) first = performance.now() - startedAt;
        if (event?.$case === 'failure') throw new Error(event.value.message);
      }
      return first;
    };
    const measure = async (models: readonly string[]) => {
      const times: number[] = [];
      for (const model of models) times.push(await ask(model));
      return times.slice(warmUp).sort((a, b) => a - b);
    };
    const well = await measure(Array<string>(samples + warmUp).fill('good'));
    const rows: BenchRow[] = [];
    for (const [at, [kind]] of kinds.entries()) {
      const limit = kind === 'hang' ? firstTokenMs : 0;
      const times = await measure(names[at]!.map(({ name }) => name));
      const [p50, p95] = [0.5, 0.95].map((q) => quantile(times, q) - limit - quantile(well, q)) as [number, number];
      const note = `p50 ${p50.toFixed(1)} ms; without a failure ${quantile(well, 0.5).toFixed(1)} ms, p95 ${quantile(well, 0.95).toFixed(1)} ms`;
      const after = limit > 0 ? ` past its limit of ${limit} ms` : '';
      rows.push(atMost(`failover: ${kind}, p95 added to the first token${after}`, p95, 50, 'ms', note));
    }
    return rows;
  } finally {
    await service.stop();
    await bus.close();
    await rpc.close();
    await telemetry.shutdown();
    for (const { server } of [good, broken, silent]) {
      server.closeAllConnections();
      server.close();
    }
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}
