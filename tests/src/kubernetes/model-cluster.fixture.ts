import { models, type Model, type ModelStatus } from '@flotilla/gpu-fleet-controller';
import { pods, secrets, type KubeApi, type Pod } from '@flotilla/kubernetes';
import { until } from '@flotilla/testkit';
import { startPlatformCluster, type PlatformCluster } from './platform-cluster.fixture.ts';
import { PublicApi } from './public-api.fixture.ts';

const platformNamespace = 'flotilla';
/** Where the Models are: beside the platform, as models of several teams are. */
export const namespace = 'models';
/** A container that crashes starts again sooner than kubelet would have it. Milliseconds. */
const backOff = { firstMs: 500, mostMs: 20_000 };

const install = `helm install flotilla charts/flotilla --namespace ${platformNamespace} --values charts/flotilla/values-dev.yaml \
  --set fleet.namespaces={${namespace}} --set services.gpu-fleet-controller.replicas=2 --wait --timeout 4m`;

const oneGpu = [{ name: 'l4', count: 1 }];
const source = { hub: { repo: 'org/model' } };

/** The platform with two controllers, and its Models in a namespace of their own that takes restricted pods alone. */
export class ModelCluster {
  private constructor(
    readonly platform: PlatformCluster,
    readonly client: PublicApi,
  ) {}

  static async start(): Promise<ModelCluster> {
    const platform = await startPlatformCluster({ resources: [models], agent: { backOff } });
    try {
      const { api, ingressUrl } = platform.cluster;
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: platformNamespace } });
      await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
      await platform.shell.must(install, 250_000);
      const generated = await api.get(secrets, { namespace: platformNamespace, name: 'flotilla-generated' });
      const key = Buffer.from(generated!.data!['dev-key']!, 'base64').toString();
      return new ModelCluster(platform, new PublicApi(ingressUrl, key));
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  get api(): KubeApi {
    return this.platform.cluster.api;
  }

  stop(): Promise<void> {
    return this.platform.stop();
  }

  kubectl(words: string): Promise<string> {
    return this.platform.kubectl(`--namespace ${namespace} ${words}`);
  }

  /** A Model of this name with these fields over the smallest one. Resolves when clients can ask for it. */
  async serve(name: string, spec: Record<string, unknown>): Promise<void> {
    const { apiVersion, kind } = models;
    const model = { apiVersion, kind, metadata: { namespace, name }, spec: { source, profiles: oneGpu, ...spec } };
    await this.api.create(model as unknown as Model);
    const isListed = async () => (await this.client.models()).includes(name);
    await until(isListed, { everyMs: 200, what: `${name} in the list of models` });
  }

  async change(name: string, spec: Record<string, unknown>): Promise<void> {
    await this.api.patch(models, { namespace, name }, { spec });
  }

  async status(name: string): Promise<ModelStatus> {
    return (await this.api.get(models, { namespace, name }))?.status ?? {};
  }

  /** Resolves with the status that is as it should be. */
  async reaches(name: string, what: string, isSo: (status: ModelStatus) => boolean, timeoutMs = 60_000) {
    let last: ModelStatus = {};
    const look = async () => isSo((last = await this.status(name)));
    await until(look, { timeoutMs, everyMs: 200, what: `${name} to be ${what}` }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it was ${JSON.stringify(last)}`);
    });
    return last;
  }

  async podsOf(model: string): Promise<readonly Pod[]> {
    const { items } = await this.api.list(pods, { namespace, labelSelector: `fleet.flotilla.dev/model=${model}` });
    return items;
  }

  async podNames(model: string): Promise<string[]> {
    return (await this.podsOf(model)).map(({ metadata }) => metadata.name).sort();
  }

  async controllers(): Promise<string[]> {
    const labelSelector = 'app.kubernetes.io/component=gpu-fleet-controller';
    const { items } = await this.api.list(pods, { namespace: platformNamespace, labelSelector });
    return items.map(({ metadata }) => metadata.name);
  }

  /** What a pod of the platform has logged. */
  logOf(pod: string): Promise<string> {
    return this.platform.kubectl(`--namespace ${platformNamespace} logs ${pod}`);
  }

  /** The controller that leads goes without a word. Returns what it has logged. */
  async killLeader(): Promise<string> {
    const leads = async () => {
      for (const name of await this.controllers())
        if (/"leads"/.test((await this.logOf(name)).split('leads no more').at(-1)!)) return name;
      return undefined;
    };
    const name = await until(leads, { everyMs: 500, what: 'a controller that leads' });
    const log = await this.logOf(name);
    await this.api.delete(pods, { namespace: platformNamespace, name }, { gracePeriodSeconds: 0 });
    return log;
  }
}
