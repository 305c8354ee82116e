import { createMemoryApi } from '@flotilla/kubernetes/testing';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { models } from '../models/model.ts';
import { ClusterView } from './cluster-view.ts';

it.each([
  ['asks for no nodes where it has no right to', undefined, false],
  ['watches nodes to see which are bad', { taints: ['xid'], conditions: [] }, true],
])('a view of the cluster %s', async (_what, faults, watched) => {
  const ports = { clock: createFakeClock(), random: createSeededRandom(1) };
  const api = createMemoryApi({ resources: [models], ...ports });
  const asked = new Set<string>();
  api.intercept(({ resource }, happen) => {
    asked.add(resource);
    return happen();
  });
  const view = new ClusterView(api, { namespaces: ['models'], ...(faults && { faults }) }, ports, () => undefined);
  await view.start();
  expect(asked.has('models')).toBe(true);
  expect(asked.has('nodes')).toBe(watched);
  await view.stop();
});
