import { readFileSync } from 'node:fs';
import path from 'node:path';
import { models } from '@flotilla/gpu-fleet-controller';
import { deployments, type KubeObject, type Resource, type Workload } from '@flotilla/kubernetes';
import { startLocalCluster, type LocalCluster } from '@flotilla/local-cluster';
import { freePort, startChild, startNats, until, type Child } from '@flotilla/testkit';
import { parse } from 'yaml';
import { cpuSeconds, endedChildrenCpuSeconds, residentMiB } from '../measure.ts';
import { atMost, type BenchRow } from '../row.ts';

const modelCount = 100;
const replicas = 100;
const firstPort = 20_000;
/** Seconds over which the calm fleet is watched. */
const calmSeconds = 60;
const changes = 10;
/** What a cluster of one machine takes to make the pod that a change asked for. */
const calmAgainSeconds = 3;
const namespace = 'models';
const root = path.resolve(import.meta.dirname, '../../..');

const definitions: Resource = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  ...{ plural: 'customresourcedefinitions', namespaced: false },
};

/** A controller process, and what it costs. */
interface Controller {
  readonly child: Child;
  /** Seconds of CPU so far. */
  cpu(): number;
  /** The same of the helm processes it ran. */
  helmCpu(): number;
  metric(name: string, labels?: RegExp): Promise<number>;
}

/** 100 Models of 100 pods each on a real API server; the pods are KWOK's and their engines one process that answers for all. */
export async function manyModels(): Promise<BenchRow[]> {
  const cleanups: (() => Promise<unknown>)[] = [];
  try {
    return await measure(cleanups);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function measure(cleanups: (() => Promise<unknown>)[]): Promise<BenchRow[]> {
  const nodes = [
    { name: 'gpu', zone: 'local-a', count: 50, cpu: 1_000, memory: '64Ti', devices: { 'nvidia.com/gpu': 250 } },
  ];
  const cluster = await startLocalCluster({ pods: 'fake', nodes, resources: [models, definitions] });
  cleanups.push(() => cluster.stop());
  const nats = await startNats();
  cleanups.push(() => nats.stop());
  const engines = await startChild({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'many-engines.js'), `${firstPort}`, `${modelCount}`],
    ready: { line: /^ready/ },
  });
  cleanups.push(() => engines.kill());
  await makeModels(cluster);

  const first = await startController(cluster, nats.url);
  cleanups.push(() => first.child.stop());
  const startedAt = performance.now();
  await allReady(first, 900_000);
  const builtUp = (performance.now() - startedAt) / 1_000;
  await first.child.stop();

  const controller = await startController(cluster, nats.url);
  cleanups.push(() => controller.child.stop());
  await allReady(controller, 300_000);
  const [resync, helm] = [controller.cpu(), controller.helmCpu()];
  await pause(20);
  const calm = await watchCalm(controller);
  const times = await changeTimes(cluster);
  return [
    atMost(
      'fleet: full resync of 100 models × 100 pods',
      resync,
      10,
      's of CPU',
      `a controller that starts, until routers know every engine and each Model is as it should be; helm beside it ${helm.toFixed(1)} s`,
    ),
    atMost(
      'fleet: a change of a Model is in its workload, slowest of 10',
      times.at(-1)!,
      1,
      's',
      `median ${times[changes / 2]!.toFixed(2)} s, the API’s own part in it`,
    ),
    atMost('fleet: controller memory', residentMiB(controller.child.pid), 300, 'MiB'),
    atMost(
      'fleet: calls to the API when nothing happens',
      calm.callsPerSecond,
      2,
      '/s',
      `over ${calmSeconds} s, 10,000 pods ready`,
    ),
    {
      ...{
        name: 'fleet: CPU when nothing happens',
        measured: calm.cpuPerSecond * 100,
        unit: '% of a core',
        target: '',
        ok: true,
      },
      note: `probes; all 10,000 pods were made and ready after ${builtUp.toFixed(0)} s`,
    },
  ];
}

async function makeModels({ api }: LocalCluster): Promise<void> {
  const crd = readFileSync(path.join(root, 'charts/flotilla/files/models.fleet.flotilla.dev.yaml'), 'utf8');
  await api.create(parse(crd) as KubeObject);
  await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await until(async () => api.list(models, { namespace }), { what: 'the Model resource' });
  for (let i = 0; i < modelCount; i += 1) {
    await api.create({
      ...{ apiVersion: models.apiVersion, kind: models.kind, metadata: { name: `model-${i}`, namespace } },
      spec: {
        source: { hub: { repo: `example/model-${i}` } },
        profiles: [{ name: 'gpu', count: 1 }],
        ...{ replicas, engine: { port: firstPort + i } },
        scaling: { maxReplicas: replicas + changes },
      },
    } as KubeObject);
  }
}

/** As the chart has it run. */
function podEnv(): Record<string, string> & { V8_FLAGS: string } {
  const values = parse(readFileSync(path.join(root, 'charts/flotilla/values.yaml'), 'utf8')) as {
    services: { 'gpu-fleet-controller': { env: ReturnType<typeof podEnv> } };
  };
  return values.services['gpu-fleet-controller'].env;
}

async function startController(cluster: LocalCluster, natsUrl: string): Promise<Controller> {
  const env = podEnv();
  const [rpc, ops] = [await freePort(), await freePort()];
  const child = await startChild({
    command: process.execPath,
    args: [...env.V8_FLAGS.split(' '), path.join(root, 'services/gpu-fleet-controller/dist/main.js')],
    env: {
      ...env,
      FLOTILLA_NATS_URL: natsUrl,
      FLOTILLA_RPC_LISTEN: `127.0.0.1:${rpc}`,
      FLOTILLA_OPS_LISTEN: `127.0.0.1:${ops}`,
      FLOTILLA_LOG_LEVEL: 'warn',
      FLOTILLA_FLEET_KUBERNETES: 'true',
      FLOTILLA_FLEET_KUBERNETES_NAMESPACES: namespace,
      FLOTILLA_FLEET_KUBECONFIG: cluster.kubeconfig,
      FLOTILLA_FLEET_ENGINE_CHART: path.join(root, 'charts/vllm-engine'),
    },
    ready: { url: `http://127.0.0.1:${ops}/readyz` },
    stopTimeoutMs: 30_000,
  });
  const metric = async (name: string, labels = /./) => {
    const text = await (await fetch(`http://127.0.0.1:${ops}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  return { child, cpu: () => cpuSeconds(child.pid), helmCpu: () => endedChildrenCpuSeconds(child.pid), metric };
}

async function allReady({ metric }: Controller, timeoutMs: number): Promise<void> {
  await until(async () => (await metric('flotilla_fleet_replicas', /ready/)) >= modelCount * replicas, {
    ...{ timeoutMs, everyMs: 1_000, what: 'every engine to answer' },
  });
}

async function watchCalm({ cpu, metric }: Controller) {
  const calls = () => metric('flotilla_kubernetes_calls_total');
  const [cpuBefore, callsBefore] = [cpu(), await calls()];
  await pause(calmSeconds);
  return {
    cpuPerSecond: (cpu() - cpuBefore) / calmSeconds,
    callsPerSecond: ((await calls()) - callsBefore) / calmSeconds,
  };
}

/** Seconds from the change of a Model until its workload asks for it, the quickest first; each in a cluster that is at rest again. */
async function changeTimes({ api }: LocalCluster): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < changes; i += 1) {
    const model = `model-${i * 7}`;
    await pause(calmAgainSeconds);
    const workload = await workloadOf(api, model);
    const startedAt = performance.now();
    await api.patch(models, { namespace, name: model }, { spec: { replicas: replicas + 1 } });
    await until(async () => ((await workloadOf(api, model)).spec.replicas ?? 0) > (workload.spec.replicas ?? 0));
    times.push((performance.now() - startedAt) / 1_000);
  }
  return times.sort((a, b) => a - b);
}

async function workloadOf(api: LocalCluster['api'], model: string): Promise<Workload> {
  const { items } = await api.list(deployments, { namespace, labelSelector: `fleet.flotilla.dev/model=${model}` });
  return items[0]!;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
