import { createMemoryBus, type Bus } from '@flotilla/bus';
import type { Database } from '@flotilla/database';
import { chat, fleet, router } from '@flotilla/contracts';
import { liveValue, platformFileSchema, type Environment, type PlatformFile } from '@flotilla/kernel';
import { createMemoryNetwork, type CallOptions, type Client } from '@flotilla/rpc';
import { until } from '@flotilla/testkit';
import { createRouter, defaults, type RouterConfig } from './index.ts';

type FileInput = Parameters<typeof platformFileSchema.parse>[0];

export interface Started {
  client: Client<typeof router.RouterDefinition>;
  registry: Client<typeof router.RegistryDefinition>;
  bus: Bus;
  /** What the fleet answers. */
  engines: fleet.Engine[];
  set(file: FileInput): void;
  /** Everything a Generate call yields. */
  generate(request?: Partial<router.GenerateRequest>, options?: CallOptions): Promise<router.GenerateEvent[]>;
  stop(): Promise<void>;
}

/** The service on a memory network, with a fleet that knows the engines given. */
export async function startRouter({
  file = {},
  engines = [],
  config = {},
  env = {},
  database,
  bus: shared,
  activate,
}: {
  file?: FileInput;
  engines?: fleet.Engine[];
  config?: Partial<RouterConfig>;
  env?: Environment;
  database?: Database;
  /** Of several routers; its owner closes it. */
  bus?: Bus;
  /** How the fleet starts what is asked for. Absent: no fleet does. */
  activate?: (request: fleet.ActivateRequest, signal: AbortSignal) => Promise<fleet.Engine>;
} = {}): Promise<Started> {
  const rpc = createMemoryNetwork();
  const bus = shared ?? createMemoryBus();
  const live = liveValue<PlatformFile>(platformFileSchema.parse(file));
  rpc.serve(fleet.FleetDefinition, {
    listEngines: async () => ({ engines: started.engines }),
    startEngine: () => Promise.reject(new Error('not here')),
    stopEngine: () => Promise.reject(new Error('not here')),
  });
  if (activate) {
    rpc.serve(fleet.ActivationDefinition, {
      activate: (request, { signal }) => activate(request, signal),
      getAutostart: () => Promise.reject(new Error('not here')),
    });
  }
  const service = createRouter(
    { ...defaults, ...config },
    { rpc, bus, file: live, env, ...(database && { database: async () => database }) },
  );
  const client = rpc.client(router.RouterDefinition);
  const started: Started = {
    client,
    registry: rpc.client(router.RegistryDefinition),
    bus,
    engines,
    set: (next) => live.set(platformFileSchema.parse(next)),
    async generate(request = {}, options) {
      const events: router.GenerateEvent[] = [];
      for await (const event of client.generate(generateRequest(request), options)) events.push(event);
      return events;
    },
    async stop() {
      await service.stop();
      if (!shared) await bus.close();
      await rpc.close();
    },
  };
  await service.start();
  await rpc.listen();
  const names = engines.flatMap((one) => one.models.map((model) => model.name));
  await until(async () => {
    const { models } = await client.listModels(router.ListModelsRequest.create());
    return names.every((name) => models.some((model) => model.name === name));
  });
  return started;
}

export function generateRequest(request: Partial<router.GenerateRequest> = {}): router.GenerateRequest {
  return router.GenerateRequest.fromPartial({
    caller: { requestId: 'req_1' },
    model: 'm',
    messages: [{ role: 'user', content: 'hello' }],
    stream: true,
    ...request,
  });
}

export function engine(id: string, baseUrl: string, models: string[], more: Partial<fleet.Engine> = {}): fleet.Engine {
  return fleet.Engine.fromPartial({
    id,
    provider: id,
    kind: 'vllm',
    baseUrl,
    state: fleet.EngineState.READY,
    models: models.map((name) => ({ name, capabilities: [] })),
    ...more,
  });
}

/** The events' kinds in a row, and the text of choice 0. */
export const kinds = (events: router.GenerateEvent[]) => events.map((one) => one.event?.$case);
export function textOf(events: router.GenerateEvent[]): string {
  return choicesOf(events)
    .filter((choice) => choice.index === 0)
    .map((choice) => choice.content)
    .join('');
}
export function choicesOf(events: router.GenerateEvent[]): chat.Choice[] {
  return events.flatMap((one) => (one.event?.$case === 'choices' ? one.event.value.choices : []));
}
export function valueOf<K extends NonNullable<router.GenerateEvent['event']>['$case']>(
  events: router.GenerateEvent[],
  kind: K,
) {
  const found = events.find((one) => one.event?.$case === kind)?.event;
  return found?.value as Extract<NonNullable<router.GenerateEvent['event']>, { $case: K }>['value'] | undefined;
}
