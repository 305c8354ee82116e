import { createMemoryBus, enginesChanged } from '@flotilla/bus';
import { fleet } from '@flotilla/contracts';
import { liveValue, parsePlatformFile, type Environment, type ProviderConfig } from '@flotilla/kernel';
import { createMemoryNetwork } from '@flotilla/rpc';
import { until } from '@flotilla/testkit';
import { createFleet, fleetDefaults, type FleetConfig } from './index.ts';

/** Fast enough for tests, slow enough for a busy machine. */
const quick: Partial<FleetConfig> = {
  probeIntervalMs: 30,
  restartBackoffMs: 30,
  stopTimeoutMs: 3_000,
  startWaitMs: 10_000,
};

const platform = (providers: readonly ProviderConfig[]) => ({ ...parsePlatformFile(''), providers: [...providers] });

export type TestFleet = Awaited<ReturnType<typeof startFleet>>;

/** The service as others see it: over RPC and the bus of one process. */
export async function startFleet(
  providers: readonly ProviderConfig[],
  config: Partial<FleetConfig> = {},
  env: Environment = process.env,
) {
  const rpc = createMemoryNetwork();
  const bus = createMemoryBus();
  const file = liveValue(platform(providers));
  const service = createFleet({ ...fleetDefaults, ...quick, ...config }, { rpc, bus, file, env });
  const told: fleet.Engine[][] = [];
  await bus.subscribe(enginesChanged, ({ engines }) => void told.push(engines));
  await service.start();
  await rpc.listen();
  const client = rpc.client(fleet.FleetDefinition);
  const activation = rpc.client(fleet.ActivationDefinition);
  const list = async () => (await client.listEngines({})).engines;
  return {
    ...{ service, client, activation, told, list },
    change: (next: readonly ProviderConfig[]) => file.set(platform(next)),
    engine: async (id: string) => (await list()).find((engine) => engine.id === id),
    /** Asks for a model as a router does. */
    activate: (provider: string, model: string, timeoutMs = 20_000) =>
      activation.activate(fleet.ActivateRequest.fromPartial({ provider, model }), { timeoutMs }),
    autostart: async (name: string) => {
      const { services } = await activation.getAutostart({});
      return services.find((service) => service.name === name)!;
    },
    /** Waits until an engine is in this state and returns it. */
    async reaches(id: string, state: fleet.EngineState): Promise<fleet.Engine> {
      const look = async () => (await list()).find((engine) => engine.id === id && engine.state === state);
      return until(look, { timeoutMs: 15_000, what: `${id} to be ${fleet.EngineState[state]}` });
    },
    async stop() {
      await service.stop();
      await rpc.close();
      await bus.close();
    },
  };
}

/** The pid of the process that listens on a simulator's port, by the controller's own list. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
