import { beforeAll, expect, it } from '@jest/globals';
import { configMaps, createLeaderElection, follow, leases, namespaces } from '@flotilla/kubernetes';
import { kubeApiContract } from '@flotilla/kubernetes/testing';
import { until } from '@flotilla/testkit';
import type { LocalCluster } from './local-cluster.ts';

/** What the library promises of an API server, on a real one. Its last test kills that: what watches has to list anew. */
export function kubeApiSuite(current: () => LocalCluster): void {
  let cluster: LocalCluster;
  beforeAll(() => {
    cluster = current();
  });

  const make = async (name: string): Promise<void> => {
    await cluster.api.create({ apiVersion: namespaces.apiVersion, kind: namespaces.kind, metadata: { name } });
  };
  const configMap = (namespace: string, name: string) => ({
    apiVersion: configMaps.apiVersion,
    kind: configMaps.kind,
    metadata: { namespace, name },
  });

  for (const [at, { name, run }] of kubeApiContract.entries()) {
    it(name, async () => {
      await make(`contract-${at}`);
      await run(cluster.api, `contract-${at}`);
    });
  }

  it('lets one of two lead, and the other when the first gives it up', async () => {
    await make('leading');
    const terms: string[] = [];
    const stand = (identity: string) => {
      const onLeading = () => void terms.push(identity);
      const times = { leaseMs: 60_000, renewMs: 50_000, retryMs: 100 };
      const election = createLeaderElection({
        api: cluster.api,
        namespace: 'leading',
        name: 'fleet',
        identity,
        onLeading,
        ...times,
      });
      election.start();
      return election;
    };
    const one = stand('one');
    await until(() => one.leading);
    const two = stand('two');
    await one.stop();
    await until(() => two.leading);
    expect(terms).toEqual(['one', 'two']);
    const lease = await cluster.api.get(leases, { namespace: 'leading', name: 'fleet' });
    expect(lease?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
    await two.stop();
  });

  it('is followed over a restart of the API server without losing a change', async () => {
    const { api } = cluster;
    await make('followed');
    await api.create(configMap('followed', 'before'));
    const following = follow(api, configMaps, { namespace: 'followed' }, { keep: ({ metadata }) => metadata.name });
    await following.synced;
    await cluster.restartApiServer();
    await until(() => api.apply(configMap('followed', 'after'), { manager: 'contract' }));
    await api.delete(configMaps, { namespace: 'followed', name: 'before' });
    await until(() => following.items.has('followed/after') && !following.items.has('followed/before'));
    await following.stop();
  });
}
