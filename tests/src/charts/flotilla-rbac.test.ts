import type { HelmObject, Values } from '@flotilla/helm';
import { describeWith } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { minimal, ofKind, render } from './flotilla.fixture.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

const rulesOf = (role: HelmObject) => role['rules'] as Rule[];
const whereOf = ({ metadata }: HelmObject) => metadata.namespace ?? metadata.name;

/** `<group>/<resource>`: verbs, of all rules of a role. */
function rightsOf(role: HelmObject): Record<string, string> {
  const rights = rulesOf(role).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.map((name) => [group ? `${group}/${name}` : name, verbs.join(' ')] as const),
    ),
  );
  expect(new Set(rights.map(([name]) => name)).size).toBe(rights.length);
  return Object.fromEntries(rights);
}

const rendered = async (values: Values, kind: string) => {
  const objects = ofKind(await render({ ...minimal, ...values }), kind);
  return new Map(objects.map((object) => [whereOf(object), object]));
};

/** What the chart of engines makes: seen by watches, applied, and deleted; never read one by one. */
const made = 'list watch create patch delete';

describeWith(['helm'], 'the rights of the fleet controller', () => {
  it('are what it uses, on Models and what is made of them', async () => {
    const role = (await rendered({}, 'Role')).get('platform')!;
    expect(rightsOf(role)).toEqual({
      'fleet.flotilla.dev/models': 'get list watch patch',
      'fleet.flotilla.dev/models/status': 'patch',
      'fleet.flotilla.dev/models/finalizers': 'update',
      'apps/deployments': made,
      'leaderworkerset.x-k8s.io/leaderworkersets': made,
      services: made,
      serviceaccounts: made,
      persistentvolumeclaims: made,
      configmaps: made,
      'batch/jobs': made,
      'policy/poddisruptionbudgets': made,
      'networking.k8s.io/networkpolicies': made,
      pods: 'list watch patch delete',
      events: 'create patch',
    });
  });

  it('are one lease in its own namespace, and nodes that it only looks at', async () => {
    const leader = (await rendered({}, 'Role')).get('flotilla-fleet-leader')!;
    expect(rightsOf(leader)).toEqual({ 'coordination.k8s.io/leases': 'get create update' });
    const [nodes, ...others] = (await rendered({}, 'ClusterRole')).values();
    expect(rightsOf(nodes!)).toEqual({ nodes: 'list watch' });
    expect(others).toEqual([]);
  });

  it.each([
    ['its own namespace', {}, ['flotilla-fleet-leader', 'platform'], ['platform-flotilla-fleet-nodes']],
    [
      'those that are named',
      { fleet: { namespaces: ['a', 'b'], nodes: false } },
      ['a', 'b', 'flotilla-fleet-leader'],
      [],
    ],
    ['all', { fleet: { namespaces: ['*'], nodes: false } }, ['flotilla-fleet-leader'], ['platform-flotilla-fleet']],
    ['no cluster', { fleet: { kubernetes: false } }, [], []],
  ])('hold in %s', async (_what, values, roles, clusterRoles) => {
    expect([...(await rendered(values, 'Role')).keys()].toSorted()).toEqual(roles);
    expect([...(await rendered(values, 'ClusterRole')).keys()]).toEqual(clusterRoles);
  });

  it('are not asked for where it is told not to use them', async () => {
    const settings = async (nodes: boolean) => {
      const deployments = await rendered({ fleet: { nodes } }, 'Deployment');
      const { spec } = deployments.get('flotilla-gpu-fleet-controller') as unknown as {
        spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
      };
      return spec.template.spec.containers[0]!.env.find(({ name }) => name === 'FLOTILLA_FLEET_KUBERNETES_NODES');
    };
    expect((await settings(false))!.value).toBe('false');
    expect((await settings(true))!.value).toBe('true');
  });
});
