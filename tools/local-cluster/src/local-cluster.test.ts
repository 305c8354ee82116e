import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { createServer, type Server } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  accessByToken,
  configMaps,
  connectKubeApi,
  deployments,
  pods,
  secrets,
  type KubeObject,
  type Pod,
} from '@flotilla/kubernetes';
import { describeWith, requireTool, until } from '@flotilla/testkit';
import { kubeApiSuite } from './kube-api.suite.ts';
import { startLocalCluster, type LocalCluster } from './local-cluster.ts';
import { modelCrdSuite, modelResources } from './model-crd.suite.ts';

const run = promisify(execFile);
const startTimeoutMs = 120_000;

/** An object of any kind with whatever it holds. */
const object = (apiVersion: string, kind: string, metadata: KubeObject['metadata'], rest: object = {}) =>
  ({ apiVersion, kind, metadata, ...rest }) as KubeObject & { spec: Record<string, unknown> };

function pod(name: string, namespace: string, container: object = {}): Pod {
  const spec = { containers: [{ name: 'main', image: 'none', ...container }] };
  return object('v1', 'Pod', { name, namespace, labels: { app: name } }, { spec }) as unknown as Pod;
}

describeWith(['etcd', 'control-plane', 'kwok'], 'a Kubernetes of this machine', () => {
  let cluster: LocalCluster;
  const inNamespace = (namespace: string, labels: Record<string, string> = {}) =>
    cluster.api.create(object('v1', 'Namespace', { name: namespace, labels }));

  beforeAll(async () => {
    cluster = await startLocalCluster({ pods: 'untouched', resources: modelResources });
  }, startTimeoutMs);
  afterAll(() => cluster?.stop());

  it('lets a service account do what a role says, and nothing before', async () => {
    const kubectl = async (...args: string[]) =>
      (await run(requireTool('control-plane'), ['kubectl', `--kubeconfig=${cluster.kubeconfig}`, ...args])).stdout;
    await kubectl('create', 'serviceaccount', 'reader');
    const token = (await kubectl('create', 'token', 'reader')).trim();
    const reader = await connectKubeApi({
      access: accessByToken({ server: cluster.apiUrl, token, insecure: true }),
    });
    try {
      await expect(reader.list(configMaps, { namespace: 'default' })).rejects.toMatchObject({ kind: 'forbidden' });
      await kubectl('create', 'rolebinding', 'reader', '--clusterrole=view', '--serviceaccount=default:reader');
      await until(() => reader.list(configMaps, { namespace: 'default' }), { what: 'the role to count' });
      await expect(reader.list(secrets, { namespace: 'default' })).rejects.toMatchObject({ kind: 'forbidden' });
    } finally {
      await reader.close();
    }
  });

  it('refuses a pod that does not keep to what its namespace is labelled with', async () => {
    await inNamespace('strict', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    await expect(cluster.api.create(pod('bold', 'strict', { securityContext: { privileged: true } }))).rejects.toThrow(
      /violates PodSecurity "restricted/,
    );
  });

  it('places pods that ask for GPUs on nodes that have them, spread over the zones, and no more than fit', async () => {
    await inNamespace('gpus');
    const selector = { matchLabels: { app: 'engine' } };
    const spread = {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: selector,
    };
    const resources = { limits: { 'nvidia.com/gpu': '8' } };
    const template = {
      metadata: { labels: selector.matchLabels },
      spec: { topologySpreadConstraints: [spread], containers: [{ name: 'engine', image: 'none', resources }] },
    };
    const metadata = { name: 'engine', namespace: 'gpus' };
    await cluster.api.create(object('apps/v1', 'Deployment', metadata, { spec: { replicas: 5, selector, template } }));
    const placed = await until(
      async () => {
        const { items } = await cluster.api.list(pods, { namespace: 'gpus' });
        const decided = items.filter(({ status }) => status?.conditions?.some(({ type }) => type === 'PodScheduled'));
        return decided.length === 5 && items;
      },
      { what: 'the scheduler to have looked at five pods' },
    );
    const on = placed.map(({ spec }) => spec.nodeName ?? 'nowhere').sort();
    expect(on).toEqual(['gpu-a-0', 'gpu-a-1', 'gpu-b-0', 'gpu-b-1', 'nowhere']);
  });

  describe('its network', () => {
    let server: Server;
    beforeAll(async () => {
      server = createServer((request, response) => response.end(`pod heard ${request.url}`));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port: containerPort } = server.address() as { port: number };
      await inNamespace('shop');
      await cluster.api.create(pod('web', 'shop', { ports: [{ name: 'http', containerPort }] }));
      const ports = [{ port: 8080, targetPort: 'http' }];
      const service = { selector: { app: 'web' }, ports };
      await cluster.api.create(object('v1', 'Service', { name: 'web', namespace: 'shop' }, { spec: service }));
      await cluster.api.create(
        object('v1', 'Service', { name: 'pods', namespace: 'shop' }, { spec: { ...service, clusterIP: 'None' } }),
      );
      const path = { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 8080 } } } };
      const rules = [{ http: { paths: [path] } }];
      const ingress = { name: 'web', namespace: 'shop' };
      await cluster.api.create(object('networking.k8s.io/v1', 'Ingress', ingress, { spec: { rules } }));
    });
    afterAll(() => void server.close());

    const become = (ready: 'True' | 'False') =>
      cluster.api.patch(
        pods,
        { namespace: 'shop', name: 'web' },
        { status: { phase: 'Running', podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: ready }] } },
        { subresource: 'status' },
      );
    const ask = async (url: string) => {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      return `${response.status} ${await response.text()}`;
    };

    it('leads from an Ingress, a name and a cluster IP to ready pods, and to none that is not', async () => {
      const resolver = new Resolver({ timeout: 5_000 });
      resolver.setServers([`127.0.0.1:${cluster.dnsPort}`]);
      await until(async () => (await ask(`${cluster.ingressUrl}/x`)).startsWith('503'), { what: 'the Ingress' });
      await become('True');
      await until(async () => (await ask(`${cluster.ingressUrl}/x`)) === '200 pod heard /x', { what: 'the pod' });
      expect(await resolver.resolve4('pods.shop.svc.cluster.local')).toEqual(['127.0.0.1']);
      const [clusterIp] = await resolver.resolve4('web.shop.svc.cluster.local');
      expect(await ask(`http://${clusterIp}:8080/y`)).toBe('200 pod heard /y');

      await become('False');
      await until(async () => (await ask(`${cluster.ingressUrl}/x`)).startsWith('503'), { what: 'the pod to leave' });
    });
  });

  describe('beside which another runs', () => {
    it(
      'has pods that only say they run when many are wanted, and leaves nothing behind',
      async () => {
        const nodes = [{ name: 'many', zone: 'local-a', count: 1, cpu: 64, memory: '64Gi' }];
        const cluster = await startLocalCluster({ pods: 'fake', nodes });
        try {
          const selector = { matchLabels: { app: 'many' } };
          const template = {
            metadata: { labels: selector.matchLabels },
            spec: { containers: [{ name: 'a', image: 'none' }] },
          };
          const spec = { replicas: 20, selector, template };
          const metadata = { name: 'many', namespace: 'default' };
          await cluster.api.create(object('apps/v1', 'Deployment', metadata, { spec }));
          await until(async () => (await cluster.api.get(deployments, metadata))?.status?.readyReplicas === 20, {
            timeoutMs: 40_000,
            what: 'twenty pods to be ready',
          });
        } finally {
          await cluster.stop();
        }
        expect(existsSync(cluster.stateDir)).toBe(false);
        expect(processesThatName(cluster.stateDir)).toEqual([]);
      },
      startTimeoutMs,
    );
  });

  describe('the Model resource', () => modelCrdSuite(() => cluster));
  // The last: it takes the API server away from all others.
  describe('the API', () => kubeApiSuite(() => cluster));
});

/** Command lines of this machine's processes in which the text occurs. */
function processesThatName(text: string): string[] {
  const ids = existsSync('/proc/self') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  const commandLine = (id: string) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  };
  return ids.map(commandLine).filter((line) => line.includes(text));
}
