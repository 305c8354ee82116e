import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { router, safety } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { createGrpcClient } from './grpc-client.ts';
import { createMemoryNetwork } from './memory-network.ts';
import { createMeshNetwork } from './mesh-network.ts';
import { event, failure, generate, guard, routerThat, safetyThat, texts } from './suite-services.ts';
import type { Wired } from './suite.ts';

const exporter = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
});

beforeEach(() => exporter.reset());

afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

type Handled = Pick<Wired, 'safety' | 'router' | 'close'>;

const activeTrace = () => trace.getSpan(context.active())?.spanContext().traceId ?? 'none';

const handlers = {
  safety: safetyThat(async ({ text }) => {
    await new Promise(setImmediate);
    if (text === 'fail') throw new FlotillaError('engine_error');
    return { release: activeTrace() };
  }),
  router: routerThat(async function* () {
    yield event(activeTrace());
    await new Promise(setImmediate);
    yield event(activeTrace());
  }),
};

const transports: [string, () => Promise<Handled>][] = [
  [
    'memory',
    async () => {
      const network = createMemoryNetwork();
      network.serve(safety.SafetyDefinition, handlers.safety);
      network.serve(router.RouterDefinition, handlers.router);
      return {
        safety: network.client(safety.SafetyDefinition),
        router: network.client(router.RouterDefinition),
        close: () => network.close(),
      };
    },
  ],
  [
    'links',
    async () => {
      const server = await meshServer();
      const client = createMeshNetwork({ peers: { safety: server.address(), router: server.address() } });
      return {
        safety: client.client(safety.SafetyDefinition),
        router: client.client(router.RouterDefinition),
        async close() {
          await client.close();
          await server.close();
        },
      };
    },
  ],
  [
    'plain gRPC',
    async () => {
      const server = await meshServer();
      const toSafety = createGrpcClient(safety.SafetyDefinition, server.address());
      const toRouter = createGrpcClient(router.RouterDefinition, server.address());
      return {
        safety: toSafety.client,
        router: toRouter.client,
        async close() {
          toSafety.close();
          toRouter.close();
          await server.close();
        },
      };
    },
  ],
];

describe.each(transports)('a trace over %s', (_, wire) => {
  /** Runs in a span of its own and returns its ids. */
  async function traced(run: () => Promise<void>) {
    const span = trace.getTracer('test').startSpan('caller', {}, ROOT_CONTEXT);
    await context.with(trace.setSpan(ROOT_CONTEXT, span), run);
    return span.spanContext();
  }

  const serverSpan = async (name: string): Promise<ReadableSpan> => {
    for (let turn = 0; turn < 1_000; turn += 1) {
      const found = exporter.getFinishedSpans().find((span) => span.name === name);
      if (found) return found;
      await new Promise(setImmediate);
    }
    throw new Error(`no span ${name}`);
  };

  it('goes on in the handler, as a span of the server below the caller', async () => {
    const wired = await wire();
    const caller = await traced(async () => {
      expect((await wired.safety.guard(guard('x'))).release).toBe(activeTrace());
    });
    const span = await serverSpan('flotilla.safety.v1.Safety/Guard');
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.spanContext().traceId).toBe(caller.traceId);
    expect(span.parentSpanContext?.spanId).toBe(caller.spanId);
    expect(span.attributes).toMatchObject({ 'rpc.service': 'flotilla.safety.v1.Safety', 'rpc.method': 'Guard' });
    await wired.close();
  });

  it('goes on in a stream for as long as it runs', async () => {
    const wired = await wire();
    const caller = await traced(async () => {
      expect(await texts(wired.router.generate(generate()))).toEqual([activeTrace(), activeTrace()]);
    });
    const span = await serverSpan('flotilla.router.v1.Router/Generate');
    expect(span.parentSpanContext?.spanId).toBe(caller.spanId);
    await wired.close();
  });

  it('holds the code of a failure and nothing else of it', async () => {
    const wired = await wire();
    await traced(async () => void (await failure(wired.safety.guard(guard('fail')))));
    const span = await serverSpan('flotilla.safety.v1.Safety/Guard');
    expect(span.attributes['error.type']).toBe('engine_error');
    expect(span.events).toEqual([]);
    await wired.close();
  });

  it('is not begun for a call without one', async () => {
    const wired = await wire();
    expect((await wired.safety.guard(guard('x'))).release).toBe('none');
    expect(await texts(wired.router.generate(generate()))).toEqual(['none', 'none']);
    expect(exporter.getFinishedSpans()).toEqual([]);
    await wired.close();
  });
});

async function meshServer() {
  const server = createMeshNetwork({ listen: '127.0.0.1:0' });
  server.serve(safety.SafetyDefinition, handlers.safety);
  server.serve(router.RouterDefinition, handlers.router);
  await server.listen();
  return server;
}
