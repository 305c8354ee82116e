import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from '@jest/globals';
import { configMaps, coreEvents, deployments, pods, secrets, type KubeObject, type Pod } from '@flotilla/kubernetes';
import { describeWith, requireTool, until } from '@flotilla/testkit';
import type { LocalCluster } from '../local-cluster.ts';
import type { Image } from './index.ts';

/** Node and kubectl, for containers whose program a test writes. */
export const toolbox = (): Image => ({
  names: ['toolbox'],
  entrypoint: ['node', '-e'],
  programs: { kubectl: { file: requireTool('control-plane'), before: ['kubectl'] } },
  scratch: ['/tmp'],
});

const namespace = 'default';
const object = (apiVersion: string, kind: string, name: string, rest: object) =>
  ({ apiVersion, kind, metadata: { name, namespace }, ...rest }) as KubeObject;
const podOf = (name: string, spec: object, metadata: object = {}) =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, ...metadata }, spec }) as Pod;

const quickly = { periodSeconds: 1, failureThreshold: 1 };
const engine = (args: string[] = []) => ({
  name: 'engine',
  image: 'docker.io/vllm/vllm-openai:v0.11.0',
  args: ['serve', 'org/model', '--served-model-name', 'm', ...args],
  ports: [{ name: 'http', containerPort: 8000 }],
  readinessProbe: { httpGet: { path: '/health', port: 'http' }, ...quickly },
});
/** Serves what the expression says, asked anew each time. */
const server = (expression: string) =>
  `require('node:http').createServer((q, r) => r.end(String(${expression}))).listen(8080, process.env.POD_IP)`;
const podIp = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };

const isReady = ({ status }: Pod) =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
const restarts = ({ status }: Pod) => status?.containerStatuses?.[0]?.restartCount ?? 0;

/** Pods of a cluster that runs them as processes and has the toolbox among its images. */
export function podSuite(current: () => LocalCluster): void {
  let cluster: LocalCluster;
  beforeAll(() => {
    cluster = current();
  });

  const get = async (name: string) => (await cluster.api.get(pods, { namespace, name }))!;
  const podThat = (name: string, what: string, holds: (pod: Pod) => unknown) =>
    until(async () => ((await get(name)) && holds(await get(name)) ? get(name) : undefined), { what, everyMs: 100 });
  const ready = (name: string) => podThat(name, `${name} to be ready`, isReady);
  const gone = (name: string) =>
    until(async () => !(await cluster.api.get(pods, { namespace, name })), { what: `${name} to go`, everyMs: 50 });
  const ask = async (pod: Pod, at = '8080') =>
    (await fetch(`http://${pod.status!.podIP}:${at}`, { signal: AbortSignal.timeout(5_000) })).text();
  const logOf = (pod: string, container: string) =>
    readFileSync(cluster.logFile(namespace, pod, container)!, 'utf8').trim();

  it('of a Deployment of engines answer, each on its own address, and are ready as their probe says', async () => {
    const template = { metadata: { labels: { app: 'two' } }, spec: { containers: [engine()] } };
    const spec = { replicas: 2, selector: { matchLabels: { app: 'two' } }, template };
    await cluster.api.create(object('apps/v1', 'Deployment', 'two', { spec }));
    const readyOnes = async () => (await cluster.api.list(pods, { labelSelector: 'app=two' })).items.filter(isReady);
    const both = await until(async () => (await readyOnes()).length === 2 && readyOnes(), { everyMs: 100 });
    const urls = both.map(({ status }) => `http://${status!.podIP}:8000`);
    expect(new Set(urls).size).toBe(2);
    for (const url of urls) {
      const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
      expect(data.map(({ id }) => id)).toEqual(['m']);
    }

    const fault = JSON.stringify({ fault: '500', path: '/health' });
    await fetch(`${urls[0]}/sim/faults`, { method: 'POST', body: fault });
    await podThat(both[0]!.metadata.name, 'the engine to be unready', (pod) => !isReady(pod));
    await fetch(`${urls[0]}/sim/faults`, { method: 'DELETE' });
    await ready(both[0]!.metadata.name);
    await cluster.api.delete(deployments, { namespace, name: 'two' });
  });

  it('finish their streams when they are deleted, are not ready meanwhile, and then go', async () => {
    const container = {
      ...engine(['--shutdown-timeout', '20']),
      env: [{ name: 'ENGINE_SIM_DECODE_TOKENS_PER_SECOND', value: '20' }],
      lifecycle: { preStop: { sleep: { seconds: 1 } } },
    };
    await cluster.api.create(podOf('leaves', { containers: [container], terminationGracePeriodSeconds: 30 }));
    const { status } = await ready('leaves');
    const response = await fetch(`http://${status!.podIP}:8000/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', prompt: 'hi', max_tokens: 60, ignore_eos: true, stream: true }),
    });
    const text = response.text();
    await cluster.api.delete(pods, { namespace, name: 'leaves' });
    await podThat('leaves', 'it to be unready', (pod) => !isReady(pod));
    expect(await text).toContain('[DONE]');
    await gone('leaves');
  });

  it('that crash are started again ever later, and say how they ended', async () => {
    const args = ['console.log("no such model"); process.exit(3)'];
    const container = { name: 'a', image: 'toolbox', args, terminationMessagePolicy: 'FallbackToLogsOnError' };
    await cluster.api.create(podOf('crashes', { containers: [container] }));
    const { status } = await podThat('crashes', 'the second restart', (pod) => {
      const [only] = pod.status?.containerStatuses ?? [];
      return restarts(pod) >= 2 && only?.state?.waiting?.reason === 'CrashLoopBackOff';
    });
    expect(status!.phase).toBe('Running');
    const [{ lastState }] = status!.containerStatuses as unknown as [{ lastState: { terminated: object } }];
    expect(lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error', message: 'no such model' });
    const told = (await cluster.api.list(coreEvents)).items.filter((each) => each.involvedObject.name === 'crashes');
    expect(told.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Pulled', 'Started', 'BackOff']));
    await cluster.api.delete(pods, { namespace, name: 'crashes' });
    await gone('crashes');
  });

  it('whose liveness fails are started again', async () => {
    const deafWhenTold = `const server = require('node:http').createServer((request, response) => {
      response.end(String(process.pid));
      if (request.url === '/deaf') server.close();
    }).listen(8080, process.env.POD_IP)`;
    const listens = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
    const probes = {
      startupProbe: { ...listens, failureThreshold: 60 },
      livenessProbe: { ...listens, failureThreshold: 1 },
    };
    const container = { name: 'a', image: 'toolbox', args: [deafWhenTold], env: [podIp], ...probes };
    await cluster.api.create(podOf('deaf', { terminationGracePeriodSeconds: 1, containers: [container] }));
    const first = await ask(await ready('deaf'), '8080/deaf');
    const again = await podThat('deaf', 'a restart', (pod) => isReady(pod) && restarts(pod) > 0);
    expect(await ask(again)).not.toBe(first);
    await cluster.api.delete(pods, { namespace, name: 'deaf' });
  });

  it('are ready again when the node controller said that they are not', async () => {
    const main = { name: 'main', image: 'toolbox', args: [server(`'here'`)], env: [podIp] };
    await cluster.api.create(podOf('doubted', { containers: [main] }));
    const { status } = await ready('doubted');
    const conditions = status!.conditions!.map((one) => (one.type === 'Ready' ? { ...one, status: 'False' } : one));
    const name = { namespace, name: 'doubted' };
    const patched = await cluster.api.patch<Pod>(pods, name, { status: { conditions } }, { subresource: 'status' });
    expect(isReady(patched)).toBe(false);
    await ready('doubted');
  });

  it('of an image that nobody knows say so and wait', async () => {
    await cluster.api.create(podOf('odd', { containers: [{ name: 'a', image: 'ghcr.io/no/such:1' }] }));
    const { status } = await podThat(
      'odd',
      'the image to be refused',
      (pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ImagePullBackOff',
    );
    expect(status).toMatchObject({ phase: 'Pending' });
    await cluster.api.delete(pods, { namespace, name: 'odd' });
    await gone('odd');
  });

  it('wait for the objects they read, and see what changes in them', async () => {
    const args = [server(`[process.env.FROM_SECRET, require('node:fs').readFileSync('/etc/app/greeting')]`)];
    const env = [podIp, { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 'key', key: 'value' } } }];
    const volumeMounts = [{ name: 'app', mountPath: '/etc/app' }];
    const volumes = [{ name: 'app', configMap: { name: 'app' } }];
    const readinessProbe = { tcpSocket: { port: 8080 }, ...quickly };
    const containers = [{ name: 'a', image: 'toolbox', args, env, volumeMounts, readinessProbe }];
    await cluster.api.create(podOf('reads', { containers, volumes }));
    await podThat('reads', 'it to wait', ({ status }) => status?.phase === 'Pending');
    await cluster.api.create(object('v1', 'ConfigMap', 'app', { data: { greeting: 'hello' } }));
    await podThat(
      'reads',
      'it to miss its Secret',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    await cluster.api.create(object('v1', 'Secret', 'key', { data: { value: Buffer.from('s3').toString('base64') } }));
    const pod = await ready('reads');
    expect(await ask(pod)).toBe('s3,hello');
    await cluster.api.patch(configMaps, { namespace, name: 'app' }, { data: { greeting: 'changed' } });
    await until(async () => (await ask(pod)) === 's3,changed', { what: 'the file to change' });
    await cluster.api.delete(pods, { namespace, name: 'reads' });
    await cluster.api.delete(secrets, { namespace, name: 'key' });
  });

  it('of a Job run after their init containers, beside their sidecars, as their service account, and end', async () => {
    await cluster.api.create(object('v1', 'ServiceAccount', 'worker', {}));
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const write = (file: string) => `require('node:fs').writeFileSync('/shared/${file}', '${file}')`;
    const initContainers = [
      { name: 'first', image: 'toolbox', args: [write('first')], volumeMounts },
      {
        name: 'beside',
        image: 'toolbox',
        restartPolicy: 'Always',
        volumeMounts,
        args: [`${write('beside')}; setInterval(() => {}, 1e3)`],
        startupProbe: { exec: { command: ['test', '-e', '/shared/beside'] }, periodSeconds: 1, failureThreshold: 30 },
      },
    ];
    const command = ['sh', '-c', 'kubectl auth whoami -o jsonpath={.status.userInfo.username}; echo; ls /shared'];
    const spec = {
      ...{ serviceAccountName: 'worker', restartPolicy: 'Never', initContainers },
      containers: [{ name: 'main', image: 'toolbox', command, volumeMounts }],
      volumes: [{ name: 'shared', emptyDir: {} }],
    };
    await cluster.api.create(object('batch/v1', 'Job', 'job', { spec: { backoffLimit: 0, template: { spec } } }));
    const pod = await until(
      async () =>
        (await cluster.api.list(pods, { labelSelector: 'job-name=job' })).items.find(({ status }) =>
          ['Succeeded', 'Failed'].includes(status?.phase ?? ''),
        ),
      { what: 'the Job to end', everyMs: 100 },
    );
    expect(logOf(pod.metadata.name, 'main')).toBe('system:serviceaccount:default:worker\nbeside\nfirst');
    expect(pod.status!.phase).toBe('Succeeded');
  });

  it('keep what they wrote to a claim, and have no identity when they want none', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await cluster.api.create(object('v1', 'PersistentVolumeClaim', 'kept', { spec }));
    const run = async (name: string, script: string) => {
      const container = {
        name: 'a',
        image: 'toolbox',
        args: [script],
        volumeMounts: [{ name: 'kept', mountPath: '/kept' }],
      };
      const volumes = [{ name: 'kept', persistentVolumeClaim: { claimName: 'kept' } }];
      const rest = { volumes, restartPolicy: 'Never', automountServiceAccountToken: false };
      await cluster.api.create(podOf(name, { containers: [container], ...rest }));
      await podThat(name, `${name} to end`, ({ status }) => status?.phase === 'Succeeded');
      await cluster.api.delete(pods, { namespace, name });
      return logOf(name, 'a');
    };
    await run('writer', `require('node:fs').writeFileSync('/kept/it', 'kept')`);
    const read = `console.log(require('node:fs').readFileSync('/kept/it', 'utf8'), process.env.KUBECONFIG)`;
    expect(await run('reader', read)).toBe('kept undefined');
  });

  describeWith(['postgres', 'redis-server', 'nats-server'], 'of the images of servers', () => {
    it('serve on their own addresses', async () => {
      const tcp = (port: number) => ({ tcpSocket: { port }, ...quickly });
      const env = [{ name: 'POSTGRES_PASSWORD', value: 'p' }];
      const exec = { command: ['pg_isready', '-U', 'postgres'] };
      const wanted = [
        { name: 'redis', image: 'redis:8', args: ['--save', ''], readinessProbe: tcp(6379) },
        { name: 'nats', image: 'nats:2', args: ['--jetstream', '--store_dir', '/data'], readinessProbe: tcp(4222) },
        {
          name: 'postgres',
          image: 'pgvector/pgvector:pg18',
          env,
          readinessProbe: { exec, ...quickly, timeoutSeconds: 5 },
        },
      ];
      for (const each of wanted) await cluster.api.create(podOf(each.name, { containers: [each] }));
      for (const { name } of wanted) await ready(name);
    });
  });
}
