import { createMemoryBus } from '@flotilla/bus';
import { chat, fleet, limits, orchestrator, rag, router, safety } from '@flotilla/contracts';
import type { Database } from '@flotilla/database';
import { FlotillaError, liveValue, parsePlatformFile } from '@flotilla/kernel';
import { createMemoryNetwork, type CallContext, type Handlers } from '@flotilla/rpc';
import { until } from '@flotilla/testkit';
import { memoryActivation, memoryRegistry } from './registry.fixture.ts';
import { memoryKeyStore } from './access/key-store.fixture.ts';
import type { KeyStore } from './access/key-store.ts';
import { defaults, type GatewayConfig } from './config.ts';
import { createGateway, type GatewayPorts } from './gateway.ts';

export const devKey = 'sk-test-0123456789abcdef';

type ChatHandler = Handlers<typeof orchestrator.OrchestratorDefinition>['chat'];
type EmbedHandler = Handlers<typeof orchestrator.OrchestratorDefinition>['embed'];
type LimitsHandlers = Handlers<typeof limits.LimitsDefinition>;

/** What stands behind the gateway in a test: each part can be replaced while it runs. */
export interface Behind {
  chat: ChatHandler;
  embed: EmbedHandler;
  check: Handlers<typeof safety.SafetyDefinition>['check'];
  reserve: LimitsHandlers['reserve'];
  lease: LimitsHandlers['lease'];
  getUsage: LimitsHandlers['getUsage'];
  /** What was asked of the orchestrator, in order. */
  readonly chats: orchestrator.ChatRequest[];
  readonly embeds: orchestrator.EmbedRequest[];
  readonly reserves: limits.ReserveRequest[];
  readonly settles: limits.SettleRequest[];
  readonly leases: limits.LeaseRequest[];
  readonly returns: limits.ReturnLeaseRequest[];
  readonly usageQuestions: limits.GetUsageRequest[];
}

export type Event = NonNullable<orchestrator.ChatEvent['event']>;

export function event(value: Event): orchestrator.ChatEvent {
  return { event: value };
}

export function choice(fields: Partial<chat.Choice>): orchestrator.ChatEvent {
  return event({ $case: 'choices', value: { choices: [chat.Choice.fromPartial(fields)] } });
}

export const answerer = event({
  $case: 'answerer',
  value: {
    model: 'm',
    provider: 'sim',
    endpoint: 'sim-1',
    systemFingerprint: 'fp_1',
    routing: undefined,
    price: undefined,
  },
});

export const finished = event({
  $case: 'finished',
  value: { usage: { promptTokens: 7, completionTokens: 3, cachedTokens: 2, estimated: false } },
});

/** Answers with the pieces, streamed or whole as asked. */
export function says(...pieces: string[]): ChatHandler {
  return async function* ({ stream }) {
    yield answerer;
    if (stream) {
      yield choice({ role: 'assistant' });
      for (const content of pieces) yield choice({ content });
      yield choice({ finishReason: 'stop' });
    } else yield choice({ role: 'assistant', content: pieces.join(''), finishReason: 'stop' });
    yield finished;
  };
}

/** Says one piece and then nothing until the caller leaves; `left` resolves then. */
export function saysAndWaits(): { chat: ChatHandler; started: Promise<void>; left: Promise<void> } {
  const started = gate();
  const left = gate();
  return {
    started: started.opened,
    left: left.opened,
    async *chat({ stream }, { signal }) {
      yield answerer;
      if (stream) yield choice({ role: 'assistant', content: 'one' });
      started.open();
      await aborted(signal);
      left.open();
      throw new FlotillaError('cancelled');
    },
  };
}

/** Streams as fast as it is read, 1.6 GB at most; `settled` resolves with how many pieces were taken once nobody takes more. */
export function saysAsLongAsItIsRead(): { chat: ChatHandler; settled(): Promise<number> } {
  let sent = 0;
  return {
    async *chat(_request, { signal }) {
      const content = 'x'.repeat(16_384);
      for (; sent < 100_000 && !signal.aborted; sent += 1) {
        yield choice({ content });
        if (sent % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async settled() {
      let before = -1;
      const still = () => {
        const same = sent === before;
        before = sent;
        return same;
      };
      await until(still, { everyMs: 100 });
      return sent;
    },
  };
}

/** What stands behind answers as at first, and what was asked of it is forgotten. */
export function reset(behind: Behind): void {
  behind.chat = says('Hello', ' there');
  behind.reserve = async () => allows();
  for (const asked of [behind.chats, behind.reserves, behind.settles]) asked.length = 0;
}

function gate(): { opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

export function allows(granted = 100): limits.ReserveResponse {
  return {
    allowed: true,
    grantedOutputTokens: granted,
    limits: [
      { name: 'requests_per_minute', limit: 60, remaining: 59, resetMs: 1_000, windowMs: 60_000, scope: 'key' },
      { name: 'tokens_per_minute', limit: 1_000, remaining: 890, resetMs: 90_000, windowMs: 60_000, scope: 'key' },
    ],
    refusedBy: '',
    refusedScope: '',
    retryAfterMs: 0,
  };
}

/** A refusal by the key's limit of this name. */
export function refuses(refusedBy: string, retryAfterMs: number): limits.ReserveResponse {
  return { allowed: false, grantedOutputTokens: 0, limits: [], refusedBy, refusedScope: 'key', retryAfterMs };
}

/** One vector of two numbers for each input. */
export const embeds: EmbedHandler = async ({ request }) => ({
  model: 'm',
  embeddings: request!.inputs.map((_, index) => ({ values: [index, 0.5] })),
  usage: { promptTokens: 4, completionTokens: 0, cachedTokens: 0, estimated: false },
  price: undefined,
});

const modelList = [
  {
    name: 'm',
    capabilities: ['chat'],
    ready: true,
    ownedBy: 'sim',
    createdAt: 1_700_000_000_000,
    contextWindow: 8_192,
    ...{ installed: true, active: true, aliases: ['mm'] },
  },
  { name: 'org/model:7b', capabilities: ['chat'], ready: false, ownedBy: '', createdAt: 0, contextWindow: 0 },
  {
    name: 'cuttable',
    capabilities: ['embeddings', 'dimensions'],
    ready: true,
    ownedBy: '',
    createdAt: 0,
    contextWindow: 0,
  },
].map((model) => router.Model.fromPartial(model));

const devTier = 'tiers: { dev: { requests_per_minute: 60, tokens_per_minute: 1000, default_max_tokens: 77 } }';

/** Without a database, keys live in memory: a database takes seconds to start. */
type FixturePorts = { database?: Database; keyStore?: KeyStore; yaml?: string; models?: router.Model[] } & Pick<
  GatewayPorts,
  'metrics' | 'ready'
>;

/** A gateway on loopback with everything behind it faked over a memory network. */
export async function startPlatform(config: Partial<GatewayConfig> = {}, ports: FixturePorts = {}) {
  const rpc = createMemoryNetwork();
  const behind: Behind = {
    chat: says('Hello', ' there'),
    embed: embeds,
    check: async () => ({ action: safety.Action.ALLOW, findings: [] }),
    reserve: async () => allows(),
    lease: async ({ requests, tokens }) => ({ requests, tokens, limits: allows().limits }),
    getUsage: async () => ({ sums: [], truncated: false }),
    ...{ chats: [], embeds: [], reserves: [], settles: [], leases: [], returns: [], usageQuestions: [] },
  };
  rpc.serve(orchestrator.OrchestratorDefinition, {
    chat(request, context) {
      behind.chats.push(request);
      return behind.chat(request, context);
    },
    async getConversation({ conversationId, caller }) {
      if (conversationId !== 'c1') throw new FlotillaError('not_found', 'There is no such conversation.');
      return conversation(caller?.orgId ?? '');
    },
    embed(request, context) {
      behind.embeds.push(request);
      return behind.embed(request, context);
    },
  });
  rpc.serve(limits.LimitsDefinition, {
    reserve(request, context: CallContext) {
      behind.reserves.push(request);
      return behind.reserve(request, context);
    },
    async settle(request) {
      behind.settles.push(request);
      return { settled: true };
    },
    lease(request, context) {
      behind.leases.push(request);
      return behind.lease(request, context);
    },
    async returnLease(request) {
      // The gateway knocks with a lease that there is not.
      const returned = behind.leases.some(({ leaseId }) => leaseId === request.leaseId);
      if (returned) behind.returns.push(request);
      return { returned };
    },
    getUsage(request, context) {
      behind.usageQuestions.push(request);
      return behind.getUsage(request, context);
    },
  });
  rpc.serve(router.RouterDefinition, {
    async *generate() {},
    embed: async () => ({ model: '', embeddings: [], usage: undefined, price: undefined }),
    listModels: async () => ({ models: ports.models ?? modelList }),
  });
  const registry = memoryRegistry();
  rpc.serve(router.RegistryDefinition, registry.handlers);
  rpc.serve(fleet.ActivationDefinition, memoryActivation);
  rpc.serve(safety.SafetyDefinition, {
    check: (request, context) => behind.check(request, context),
    guard: async ({ text, state }) => ({ release: text, state, action: safety.Action.ALLOW, findings: [] }),
  });
  rpc.serve(rag.RagDefinition, memoryRag());
  const bus = createMemoryBus();
  const { database, keyStore = memoryKeyStore(), metrics, ready, yaml = devTier } = ports;
  const file = liveValue(parsePlatformFile(yaml));
  const gateway = createGateway(
    { ...defaults, port: 0, devKey, accessLog: false, ...config },
    { rpc, bus, file, metrics, ready, ...(database ? { database } : { keyStore }) },
  );
  await gateway.start();
  return {
    ...{ behind, gateway, registry, bus, rpc, file, url: gateway.url! },
    async stop() {
      await gateway.stop();
      await rpc.close();
      await bus.close();
    },
  };
}

export type Platform = Awaited<ReturnType<typeof startPlatform>>;

function conversation(orgId: string): orchestrator.Conversation {
  const empty = { partsJson: '', name: '', toolCallId: '', toolCallsJson: '' };
  return {
    conversationId: 'c1',
    turns: [
      {
        turnId: 'turn_1',
        requestId: 'req_1',
        messages: [
          { role: 'user', content: 'Hi', ...empty },
          { role: 'assistant', content: `Hello ${orgId}`, ...empty },
        ],
        model: 'm',
        usage: { promptTokens: 1, completionTokens: 2, cachedTokens: 0, estimated: false },
        citations: [],
        createdAt: 1_700_000_000_000,
      },
    ],
  };
}

/** Stores and files in two maps, enough for the shapes. */
function memoryRag(): Handlers<typeof rag.RagDefinition> {
  const files = new Map<string, rag.File & { text: string }>();
  const stores = new Map<string, rag.Store>();
  const storeFiles: rag.StoreFile[] = [];
  let count = 0;
  const next = (prefix: string) => `${prefix}${(count += 1)}`;
  const need = <T>(value: T | undefined): T => {
    if (value === undefined) throw new FlotillaError('not_found', 'There is no such thing here.');
    return value;
  };
  return {
    async createStore({ name }) {
      const store = { id: next('vs_'), name, createdAt: 1_700_000_000_000 + count, fileCount: 0, bytes: 0 };
      stores.set(store.id, store);
      return store;
    },
    listStores: async () => ({ stores: [...stores.values()] }),
    deleteStore: async ({ storeId }) => ({ deleted: stores.delete(storeId) }),
    async createFile({ filename, purpose, content }) {
      const text = Buffer.from(content).toString();
      const file = {
        id: next('file-'),
        filename,
        purpose,
        bytes: content.length,
        createdAt: 1_700_000_000_000 + count,
        text,
      };
      files.set(file.id, file);
      return file;
    },
    getFile: async ({ fileId }) => need(files.get(fileId)),
    listFiles: async () => ({ files: [...files.values()] }),
    deleteFile: async ({ fileId }) => ({ deleted: files.delete(fileId) }),
    async addFileToStore({ storeId, fileId }) {
      need(stores.get(storeId));
      need(files.get(fileId));
      const added = { storeId, fileId, status: 'completed', chunks: 1, createdAt: 1_700_000_000_000, error: '' };
      storeFiles.push(added);
      return added;
    },
    listStoreFiles: async ({ storeId }) => ({ files: storeFiles.filter((file) => file.storeId === storeId) }),
    async retrieve({ storeIds }) {
      const found = storeFiles.filter(({ storeId }) => storeIds.includes(storeId));
      return {
        vectorsUsed: true,
        passages: found.map(({ fileId, storeId }, index) => ({
          ...{ number: index + 1, storeId, documentId: fileId, chunk: 0, score: 0.5 },
          filename: files.get(fileId)!.filename,
          text: files.get(fileId)!.text,
        })),
      };
    },
  };
}
