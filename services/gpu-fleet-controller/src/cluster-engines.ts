import { hostname } from 'node:os';
import type { Bus } from '@flotilla/bus';
import { createHelm } from '@flotilla/helm';
import type { Clock, Random } from '@flotilla/kernel';
import { connectKubeApi, createEventRecorder, createLeaderElection, findAccess } from '@flotilla/kubernetes';
import type { FleetConfig } from './config.ts';
import { engineDefaults } from './engine-defaults.ts';
import { KubernetesFleet, type ClusterEngines, type KubernetesFleetPorts } from './kubernetes-fleet.ts';
import { models } from './models/model.ts';
import { fleetManager } from './models/names.ts';
import { readChart } from './reconciling/chart.ts';
import { Renderer } from './reconciling/renderer.ts';
import { createReplicas } from './replicas/model-replicas.ts';
import { ProbeSchedule } from './replicas/probe-schedule.ts';
import { createVllmControl } from './replicas/vllm-control.http.ts';
import { createBreaker } from './rollout/breaker.ts';
import { createRollout } from './rollout/rollout.ts';
import { createScaler } from './scaling/autoscaler.ts';

export interface ClusterEnginesPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
}

/** The Lease of who acts, in the controller's own namespace. */
const lease = 'flotilla-fleet';

/** The engines of the cluster that the settings name. Throws a sentence that says which setting is wrong; a cluster that is away is none. */
export async function createClusterEngines(
  config: FleetConfig,
  { bus, clock, random }: ClusterEnginesPorts,
): Promise<ClusterEngines> {
  const access = await findAccess(config.kubeconfig);
  const own = access.namespace ?? 'default';
  const chart = await readChart(config.engineChart);
  const defaults = await engineDefaults(config, own);
  const helm = createHelm();
  await helm.version();
  const api = await connectKubeApi({
    ...{ access, clock, random, resources: [models] },
    callsPerSecond: config.apiCallsPerSecond,
  });
  const identity = config.identity ?? random.id(`${hostname()}_`);
  const control = createVllmControl();
  const schedule = new ProbeSchedule({ clock, random, settings: config });
  const { drainGraceMs, gpuFaultTaints, gpuFaultConditions } = config;
  return new KubernetesFleet(
    {
      ...{ api, bus, clock, random, identity, chart, defaults },
      close: async () => void (await Promise.all([control.close(), api.close()])),
      renderer: new Renderer(helm, chart, clock),
      recorder: createEventRecorder({ api, component: fleetManager, clock, random }),
      createReplicas: (model, listener) => createReplicas(model, { clock, control, schedule, drainGraceMs }, listener),
      createDeciders: () => ({ scaler: createScaler(), rollout: createRollout(), breaker: createBreaker() }),
      elect: config.leaderElection
        ? (onLeading) =>
            createLeaderElection({ ...{ api, namespace: own, name: lease, identity, onLeading, clock, random } })
        : alone,
    },
    {
      namespaces: namespacesOf(config.kubernetesNamespaces, own),
      ...(config.kubernetesNodes && { faults: { taints: gpuFaultTaints, conditions: gpuFaultConditions } }),
    },
  );
}

/** Leads from start to stop. */
const alone: KubernetesFleetPorts['elect'] = (onLeading) => {
  const term = new AbortController();
  let led: Promise<void> | undefined;
  return {
    start: () => {
      led ??= onLeading(term.signal);
    },
    async stop() {
      term.abort();
      await led;
    },
  };
};

function namespacesOf(named: readonly string[], own: string): readonly string[] {
  if (named.includes('*')) return [''];
  return named.length > 0 ? [...new Set(named)] : [own];
}
