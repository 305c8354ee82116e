import { createMemoryBus, type Bus } from '@flotilla/bus';
import { chat, common, limits, orchestrator, rag, router, safety } from '@flotilla/contracts';
import type { Database } from '@flotilla/database';
import { FlotillaError, liveValue, parsePlatformFile, type Service } from '@flotilla/kernel';
import { createMemoryNetwork, type CallContext, type CallOptions } from '@flotilla/rpc';
import { until } from '@flotilla/testkit';
import { createOrchestrator, orchestratorDefaults, type OrchestratorConfig } from './index.ts';

type Generate = (request: router.GenerateRequest, context: CallContext) => AsyncIterable<router.GenerateEvent>;

/** What the services around the orchestrator do; a test replaces what it is about. */
export interface Neighbours {
  check: (request: safety.CheckRequest, context: CallContext) => Promise<safety.CheckResponse>;
  guard: (request: safety.GuardRequest, context: CallContext) => Promise<safety.GuardResponse>;
  retrieve: (request: rag.RetrieveRequest, context: CallContext) => Promise<rag.RetrieveResponse>;
  generate: Generate;
  embed: (request: router.EmbedRequest, context: CallContext) => Promise<router.EmbedResponse>;
  reserve: (request: limits.ReserveRequest, context: CallContext) => Promise<limits.ReserveResponse>;
}

/** Redacts the word SECRET, and holds back what may become it. */
export async function redactSecret({ state, text, final }: safety.GuardRequest): Promise<safety.GuardResponse> {
  const whole = ((state?.held ?? '') + text).replaceAll('SECRET', '[X]');
  let hold = 0;
  for (let length = 1; !final && length < 6; length += 1) if (whole.endsWith('SECRET'.slice(0, length))) hold = length;
  const release = whole.slice(0, whole.length - hold);
  const held = whole.slice(whole.length - hold);
  return { release, state: { context: '', held }, action: safety.Action.ALLOW, findings: [] };
}

export const piece = (content: string, finishReason = '', index = 0): router.GenerateEvent => ({
  event: {
    $case: 'choices',
    value: { choices: [chat.Choice.fromPartial({ index, content, finishReason })], usage: undefined },
  },
});
export const answerer: router.GenerateEvent = {
  event: {
    $case: 'answerer',
    value: { model: 'm', provider: 'p', endpoint: 'e', systemFingerprint: '', routing: undefined, price: undefined },
  },
};
export const finished = (completionTokens: number): router.GenerateEvent => ({
  event: {
    $case: 'finished',
    value: { usage: { promptTokens: 10, completionTokens, cachedTokens: 2, estimated: false } },
  },
});

/** An engine that answers with these pieces. */
export const answering = (...pieces: string[]): Generate =>
  async function* () {
    yield answerer;
    for (const text of pieces) yield piece(text);
    yield piece('', 'stop');
    yield finished(pieces.length);
  };

/** Never answers; ends when its caller leaves. */
export const never = ({ signal }: CallContext): Promise<never> =>
  new Promise((_, reject) => {
    const leave = () => reject(new FlotillaError('cancelled'));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });

export const allow = async (): Promise<safety.CheckResponse> => ({ action: safety.Action.ALLOW, findings: [] });

let calls = 0;

export async function startPlatform(
  database: Database,
  neighbours: Partial<Neighbours> = {},
  { config = {}, yaml = '' }: { config?: Partial<OrchestratorConfig>; yaml?: string } = {},
) {
  const rpc = createMemoryNetwork();
  const memoryBus = createMemoryBus();
  const outage = { bus: false };
  const bus: Bus = {
    ...memoryBus,
    publish: (...publish) =>
      outage.bus ? Promise.reject(new FlotillaError('unavailable')) : memoryBus.publish(...publish),
  };
  const unused = async () => Promise.reject(new FlotillaError('internal', 'not a part of this test'));
  const doing: Neighbours = {
    ...{ check: allow, guard: redactSecret, retrieve: async () => ({ passages: [], vectorsUsed: true }) },
    ...{ generate: answering('Hello', ' world'), embed: unused, reserve: unused, ...neighbours },
  };
  const generated: router.GenerateRequest[] = [];
  const settles: limits.SettleRequest[] = [];
  rpc.serve(safety.SafetyDefinition, {
    check: (...call) => doing.check(...call),
    guard: (...call) => doing.guard(...call),
  });
  rpc.serve(rag.RagDefinition, {
    ...{ createStore: unused, listStores: unused, deleteStore: unused, createFile: unused, getFile: unused },
    ...{ listFiles: unused, deleteFile: unused, addFileToStore: unused, listStoreFiles: unused },
    retrieve: (...call) => doing.retrieve(...call),
  });
  rpc.serve(router.RouterDefinition, {
    generate(request, context) {
      generated.push(request);
      return doing.generate(request, context);
    },
    embed: (...call) => doing.embed(...call),
    listModels: unused,
  });
  rpc.serve(limits.LimitsDefinition, {
    reserve: (...call) => doing.reserve(...call),
    async settle(request) {
      settles.push(request);
      return { settled: true };
    },
    ...{ lease: unused, returnLease: unused, getUsage: unused },
  });
  const service: Service = createOrchestrator(
    { ...orchestratorDefaults, usageWaitMs: 0, outboxPollMs: 20, ...config },
    { rpc, bus, database, file: liveValue(parsePlatformFile(yaml)) },
  );
  await service.start();
  await rpc.listen();
  const client = rpc.client(orchestrator.OrchestratorDefinition);

  const usageOf = ({ caller }: orchestrator.ChatRequest) =>
    database.query<Record<string, unknown>>('select * from orchestrator.usage where org_id = $1 and request_id = $2', [
      caller!.orgId,
      caller!.requestId,
    ]);

  return {
    ...{ client, doing, generated, settles, bus, outage, database },
    request: (partial: object = {}): orchestrator.ChatRequest => {
      calls += 1;
      return orchestrator.ChatRequest.fromPartial({
        caller: { orgId: 'org-a', requestId: `req-${calls}`, keyId: 'key', tier: 'free' },
        ...{ model: 'm', messages: [{ role: 'user', content: 'Hi there' }], stream: true, ...partial },
      });
    },
    /** All events of a call, or those until it failed and its error. */
    async chat(request: orchestrator.ChatRequest, options?: CallOptions) {
      const events: orchestrator.ChatEvent[] = [];
      let error: unknown;
      try {
        for await (const event of client.chat(request, options)) events.push(event);
      } catch (cause) {
        error = cause;
      }
      return { events, error, ...summary(events) };
    },
    usageOf,
    /** The same, once something is recorded. */
    recordedUsage: (request: orchestrator.ChatRequest) =>
      until(async () => {
        const rows = await usageOf(request);
        return rows.length > 0 && rows;
      }),
    async stop() {
      await service.stop();
      await rpc.close();
      await memoryBus.close();
    },
  };
}

export type Platform = Awaited<ReturnType<typeof startPlatform>>;

function summary(events: readonly orchestrator.ChatEvent[]) {
  const choices = events.flatMap(({ event }) => (event?.$case === 'choices' ? event.value.choices : []));
  return {
    kinds: events.map(({ event }) => event!.$case),
    text: choices.map(({ content }) => content).join(''),
    finish: choices.map(({ finishReason }) => finishReason).filter(Boolean),
    notices: events.flatMap(({ event }) => (event?.$case === 'notice' ? [event.value] : [])),
    failure: events.flatMap(({ event }) => (event?.$case === 'failure' ? [event.value] : []))[0],
    usage: events.flatMap(({ event }) => (event?.$case === 'finished' ? [event.value.usage] : []))[0] as
      common.Usage | undefined,
  };
}
