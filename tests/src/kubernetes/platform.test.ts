import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ChatLoad, describeWith, until, type LoadResult } from '@flotilla/testkit';
import { guideSections } from './guide.fixture.ts';
import { clusterTools, startPlatformCluster, type PlatformCluster } from './platform-cluster.fixture.ts';
import { PublicApi } from './public-api.fixture.ts';

const sections = guideSections();
const namespace = '--namespace flotilla';
const aliased = `config.models=${JSON.stringify([
  { name: 'llama', aliases: ['swift'], targets: [{ provider: 'fleet', model: 'llama' }] },
])}`;

// One cluster and one release, in the order in which a platform team meets them: first the guide, then what goes wrong.
describeWith(clusterTools, 'the platform on Kubernetes', () => {
  let platform: PlatformCluster;
  let key = '';
  const outputs = new Map<string, string>();

  const follow = (section: string, timeoutMs = 240_000) =>
    it(
      `the guide: ${section}`,
      async () => {
        const lines = sections.get(section)?.join('\n');
        expect(lines).toBeTruthy();
        outputs.set(section, await platform.shell.must(lines!, timeoutMs - 5_000));
      },
      timeoutMs,
    );
  const said = (section: string) => outputs.get(section) ?? '';
  const status = async (path: string) =>
    (await platform.kubectl(`get model llama ${namespace} --output jsonpath='{.status.${path}}'`)).trim();
  // Each answer takes about a second, so that four clients stay below the 600 requests a minute of the key.
  const load = (clients: number, tokens: number) =>
    new ChatLoad({ url: platform.cluster.ingressUrl, key, model: 'llama', clients, tokens });
  /** Every request has its answer. */
  const heldUp = ({ refused, lost }: LoadResult) => expect({ refused, lost }).toEqual({ refused: [], lost: [] });
  /** Every request has its answer or an error that says so, and nearly all have their answer: tens of requests, not thousands. */
  const heldOut = ({ answered, refused, lost }: LoadResult) => {
    expect(lost).toEqual([]);
    const share = answered / (answered + refused.length);
    expect(share >= 0.9 ? [] : refused).toEqual([]);
  };
  const rolledOut = () => platform.kubectl(`rollout status deployment ${namespace} --timeout=200s`, 210_000);

  beforeAll(async () => {
    platform = await startPlatformCluster();
  }, 120_000);
  afterAll(async () => {
    await platform?.stop();
  }, 60_000);

  describe('as a newcomer follows the guide', () => {
    follow('Install', 330_000);
    it('has a key and an empty list of models then', async () => {
      key = (await platform.shell.must('echo $KEY')).trim();
      expect(key).toMatch(/^sk-/);
      expect(said('Install')).toContain('"object":"list"');
    });

    follow('Serve a model');
    follow('Chat');
    it('holds the first request with signs of life until its engine is there', () => {
      expect(said('Chat')).toContain(': keep-alive');
      expect(said('Chat')).toContain('data: [DONE]');
      expect(said('Chat')).not.toContain('"error"');
    });

    follow('Watch it scale', 400_000);
    it('says why it scaled, in status and events', async () => {
      expect(said('Watch it scale')).toMatch(/(requests|tokens|waiting|held|cache).*(: 3|has 3 for now \(at most 3\))/);
      expect(said('Watch it scale')).toMatch(/from \d to 3 replicas: \S+/);
      expect(said('Watch it scale')).toMatch(/model\/llama/i);
    });

    follow('And to zero', 200_000);

    follow('A bad version goes back', 300_000);
    it('answers all the while, and says what was wrong', async () => {
      expect(said('A bad version goes back')).toContain('"finish_reason"');
      expect(said('A bad version goes back')).toMatch(/image/i);
    });
  });

  describe('under load', () => {
    beforeAll(async () => {
      await platform.kubectl(`scale model llama ${namespace} --replicas 2`);
      await until(async () => (await status('readyReplicas')) === '2', { timeoutMs: 90_000, everyMs: 500 });
    }, 120_000);

    it('takes back a version that is slow to its first token, and loses no stream by it', async () => {
      const [before, failed] = [await status('revision'), await status('failedRevision')];
      const clients = load(4, 2_000);
      const env = '[{"name":"ENGINE_SIM_PREFILL_TOKENS_PER_SECOND","value":"20"}]';
      await platform.kubectl(`patch model llama ${namespace} --type merge -p '{"spec":{"engine":{"env":${env}}}}'`);
      await until(async () => !['', failed].includes(await status('failedRevision')), {
        ...{ timeoutMs: 150_000, everyMs: 500, what: 'the slow version to be given up' },
      });
      const result = await clients.end();
      expect(await status('revision')).toBe(before);
      heldUp(result);
      await platform.kubectl(`patch model llama ${namespace} --type merge -p '{"spec":{"engine":{"env":[]}}}'`);
    }, 200_000);

    it('answers or says why when engines die', async () => {
      const clients = load(4, 2_000);
      const engines = `get pods ${namespace} --selector fleet.flotilla.dev/model=llama`;
      const ready = `--output jsonpath='{range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name} {end}'`;
      const names = async () => (await platform.kubectl(`${engines} ${ready}`)).trim().split(' ');
      for (let i = 0; i < 3; i += 1) {
        const [first] = await names();
        await platform.kubectl(`delete pod ${first} ${namespace} --grace-period=0 --force`);
        const isReplaced = async () => {
          const now = await names();
          return now.length === 2 && !now.includes(first!) && (await status('readyReplicas')) === '2';
        };
        await until(isReplaced, { timeoutMs: 60_000, everyMs: 500 });
      }
      heldOut(await clients.end());
    }, 240_000);

    it('goes on while the API server restarts and the controller is replaced', async () => {
      const clients = load(4, 2_000);
      await platform.cluster.restartApiServer();
      await platform.kubectl(`delete pod ${namespace} --selector app.kubernetes.io/component=gpu-fleet-controller`);
      await rolledOut();
      await platform.kubectl(`patch model llama ${namespace} --type merge -p '{"spec":{"replicas":3}}'`);
      await until(async () => (await status('readyReplicas')) === '3', { timeoutMs: 90_000, everyMs: 500 });
      heldUp(await clients.end());
    }, 300_000);

    it('is upgraded and rolled back while it answers, and loses no request', async () => {
      const clients = load(4, 2_000);
      const upgrade = `helm upgrade flotilla charts/flotilla ${namespace} --values charts/flotilla/values-dev.yaml`;
      await platform.shell.must(`${upgrade} --set logLevel=warn --wait --timeout 5m`, 310_000);
      await rolledOut();
      await platform.shell.must(`helm rollback flotilla ${namespace} --wait --timeout 5m`, 310_000);
      await rolledOut();
      const result = await clients.end();
      heldUp(result);
      expect(result.answered).toBeGreaterThan(10);
    }, 700_000);

    it('takes a change of its configuration while its pods run on', async () => {
      const list = `get pods ${namespace} --selector app.kubernetes.io/name=flotilla --output name`;
      const pods = async () => (await platform.kubectl(list)).trim().split('\n');
      const before = await pods();
      const values = `--reuse-values --set-json '${aliased}' --wait --timeout 5m`;
      await platform.shell.must(`helm upgrade flotilla charts/flotilla ${namespace} ${values}`, 310_000);
      const client = new PublicApi(platform.cluster.ingressUrl, key);
      await until(async () => (await client.chat('swift')).text.includes('4'), {
        ...{ timeoutMs: 90_000, everyMs: 500, what: 'an answer by the other name' },
      });
      // Those of before the rollback may still go.
      expect(before).toEqual(expect.arrayContaining(await pods()));
    }, 420_000);
  });

  describe('at the end', () => {
    follow('Remove it', 240_000);
    it('leaves no pod and no workload', async () => {
      await until(
        async () => (await platform.kubectl(`get pods,deployments,services ${namespace} --output name`)).trim() === '',
        { timeoutMs: 90_000, everyMs: 1_000 },
      );
    }, 100_000);
  });
});
