import { pods, type KubeApi } from '@flotilla/kubernetes';
import { ChatLoad } from '@flotilla/testkit';
import type { BenchRow } from '../row.ts';
import { namespace, type Installed } from './installed.ts';

const everyMs = 10_000;
const replicas = 3;

/** A random pod of a Model is killed every ten seconds under load; each request is answered, or ends with an error that says so. */
export async function podKills({ apply, reached, cluster, url, key }: Installed, minutes = 5): Promise<BenchRow[]> {
  await apply('killed', {
    ...{ source: { hub: { repo: 'example/killed' } }, profiles: [{ name: 'gpu', count: 1 }] },
    ...{ replicas, scaling: { maxReplicas: replicas } },
  });
  await reached('killed', { readyReplicas: replicas });
  const load = new ChatLoad({ url, key, model: 'killed', clients: 6, tokens: 2_000 });
  let kills = 0;
  for (const end = performance.now() + minutes * 60_000; performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    if (await kill(cluster.api, kills)) kills += 1;
  }
  const { answered, refused, lost } = await load.end();
  const all = answered + refused.length + lost.length;
  const share = answered / all;
  const note = `${all} requests, ${kills} kills of ${replicas} pods in ${minutes} min; errors said: ${[...new Set(refused)].join('; ') || 'none'}`;
  return [
    {
      name: 'fleet: requests without an answer or an explicit error',
      measured: lost.length,
      unit: '',
      target: '0',
      ok: lost.length === 0,
      note: [...new Set(lost)].join('; '),
    },
    {
      name: 'fleet: requests answered while pods are killed',
      measured: share * 100,
      unit: '%',
      target: '≥ 99',
      ok: share >= 0.99,
      note,
    },
  ];
}

/** As a node that fails: no grace. In turn rather than by chance, which on three pods is the harder of the two. */
async function kill(api: KubeApi, turn: number): Promise<boolean> {
  const { items } = await api.list(pods, { namespace, labelSelector: 'fleet.flotilla.dev/model=killed' });
  const running = items.filter(({ metadata, status }) => !metadata.deletionTimestamp && status?.phase === 'Running');
  const pod = running[turn % Math.max(1, running.length)];
  if (!pod) return false;
  await api.delete(pods, { namespace, name: pod.metadata.name }, { gracePeriodSeconds: 0 });
  return true;
}
