import type { HelmObject } from '@flotilla/helm';
import { describeWith } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { minimal, ofKind, podsOf, render, valuesFile } from './flotilla.fixture.ts';

interface Rule {
  ports: { port: number | string; protocol: string }[];
  from?: Peer[];
  to?: Peer[];
}
interface Peer {
  podSelector?: { matchLabels: Record<string, string> };
  namespaceSelector?: object;
}
interface Policy {
  podSelector: { matchLabels: Record<string, string> };
  policyTypes: string[];
  ingress?: Rule[];
  egress?: Rule[];
}

const component = 'app.kubernetes.io/component';
const policies = (objects: HelmObject[]) => ofKind(objects, 'NetworkPolicy').map(({ spec }) => spec as Policy);

/** `caller > called` for each pair of parts that one side of the policies lets through. */
function pairs(objects: HelmObject[], side: 'ingress' | 'egress'): string[] {
  return policies(objects)
    .flatMap((policy) => {
      const own = policy.podSelector.matchLabels[component]!;
      const peers = (policy[side] ?? []).flatMap((rule) => rule[side === 'ingress' ? 'from' : 'to'] ?? []);
      const others = peers.map((peer) => peer.podSelector?.matchLabels[component]).filter((name) => name !== undefined);
      return others.map((other) => (side === 'ingress' ? `${other} > ${own}` : `${own} > ${other}`));
    })
    .toSorted();
}

const calls = [
  ...['rate-limiter', 'orchestrator', 'rag', 'safety', 'llm-router', 'gpu-fleet-controller'].map(
    (to) => `gateway > ${to}`,
  ),
  ...['rate-limiter', 'safety', 'rag', 'llm-router'].map((to) => `orchestrator > ${to}`),
  'rag > llm-router',
  'llm-router > gpu-fleet-controller',
];
const servers = [
  ...['gateway', 'rate-limiter', 'orchestrator', 'rag', 'safety', 'llm-router', 'gpu-fleet-controller'].map(
    (from) => `${from} > nats`,
  ),
  ...['gateway', 'rate-limiter', 'orchestrator', 'rag', 'llm-router'].map((from) => `${from} > postgres`),
  'rate-limiter > redis',
];

describeWith(['helm'], 'the network of charts/flotilla', () => {
  it('lets services call whom they call and no others, at both ends', async () => {
    const objects = await render(minimal);
    expect(pairs(objects, 'ingress')).toEqual(calls.toSorted());
    expect(pairs(objects, 'egress')).toEqual(calls.toSorted());
  });

  it('lets only those at a bundled server that use it', async () => {
    const objects = await render(valuesFile('values-dev.yaml'));
    const wanted = [...calls, ...servers].toSorted();
    expect(pairs(objects, 'ingress')).toEqual(wanted);
    expect(pairs(objects, 'egress')).toEqual(wanted);
  });

  it('has a policy of both directions for each pod that stays', async () => {
    const objects = await render(valuesFile('values-dev.yaml'));
    const lasting = podsOf(objects).filter(({ kind }) => kind !== 'Pod' && kind !== 'Job');
    const covered = policies(objects).map(
      ({ podSelector, policyTypes }) => [podSelector.matchLabels, policyTypes] as const,
    );
    for (const { labels } of lasting) {
      const own = covered.filter(([selector]) =>
        Object.entries(selector).every(([name, value]) => labels[name] === value),
      );
      expect(own.map(([, types]) => types)).toEqual([['Ingress', 'Egress']]);
    }
  });

  it('lets only who sends engines a prompt, or runs them, reach them; and the API server only who runs them', async () => {
    const objects = await render(minimal);
    const who = (matches: (rule: Rule) => boolean) =>
      policies(objects)
        .filter(({ egress = [] }) => egress.some(matches))
        .map(({ podSelector }) => podSelector.matchLabels[component])
        .toSorted();
    expect(
      who(({ to = [] }) =>
        to.some(({ podSelector }) => podSelector?.matchLabels['app.kubernetes.io/name'] === 'vllm-engine'),
      ),
    ).toEqual(['gpu-fleet-controller', 'llm-router']);
    expect(who(({ ports }) => ports.some(({ port }) => port === 6443))).toEqual(['gpu-fleet-controller']);
    expect(who(({ ports }) => ports.some(({ port }) => port === 6379))).toEqual(['rate-limiter']);
  });

  it('lets anyone at the gateway, or only those that are named; and only the monitoring at metrics', async () => {
    const rules = async (values: object) =>
      policies(await render({ ...minimal, ...values })).find(
        ({ podSelector }) => podSelector.matchLabels[component] === 'gateway',
      )!.ingress!;
    const [open, metrics] = await rules({});
    expect(open).toEqual({ ports: [{ port: 'http', protocol: 'TCP' }] });
    expect(metrics!.from).toHaveLength(1);
    const nginx = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } };
    const [named] = await rules({ networkPolicy: { gatewayFrom: [nginx] } });
    expect(named!.from![0]).toEqual(nginx);
    expect(named!.from![1]!.podSelector!.matchLabels[component]).toBe('test');
  });
});
