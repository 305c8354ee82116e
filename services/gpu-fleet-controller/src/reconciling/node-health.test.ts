import { describe, expect, it } from '@jest/globals';
import type { Node } from '@flotilla/kubernetes';
import { kubernetesSettingsSchema } from '../kubernetes-settings.ts';
import { nodeReader } from './node-health.ts';

const defaults = kubernetesSettingsSchema.parse({});
const read = nodeReader({ taints: defaults.gpuFaultTaints, conditions: defaults.gpuFaultConditions });
const node = (more: Partial<Node>): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'gpu-1' }, ...more });
const condition = (type: string, status: 'True' | 'False') =>
  node({ status: { conditions: [{ type, status, reason: 'R' }] } });

describe('a node', () => {
  it.each([
    ['a Xid error, as GKE says it', condition('XidCriticalError', 'True'), 'XidCriticalError is True, R'],
    [
      'broken hardware, as EKS says it',
      condition('AcceleratedHardwareReady', 'False'),
      /AcceleratedHardwareReady is False/,
    ],
    ['a failed check of DCGM, as NVSentinel says it', condition('GpuMemWatch', 'True'), /GpuMemWatch/],
    [
      'a taint',
      node({ spec: { taints: [{ key: 'nvidia.com/gpu-unhealthy', value: 'xid79', effect: 'NoSchedule' }] } }),
      'taint nvidia.com/gpu-unhealthy=xid79',
    ],
    ['no kubelet', condition('Ready', 'False'), /not ready/],
    ['a cordon', node({ spec: { unschedulable: true } }), 'it is cordoned'],
  ])('with %s is not trusted', (_what, bad, words) => {
    expect(read(bad).fault).toMatch(words);
  });

  it.each([
    [
      'the taint that keeps others off its GPUs',
      node({ spec: { taints: [{ key: 'nvidia.com/gpu', effect: 'NoSchedule' }] } }),
    ],
    ['checks that pass', condition('GpuMemWatch', 'False')],
    ['good hardware', condition('AcceleratedHardwareReady', 'True')],
  ])('with %s is trusted', (_what, good) => {
    expect(read(good).fault).toBeUndefined();
  });

  it('tells where it stands', () => {
    const labels = { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-a' };
    expect(read(node({ metadata: { name: 'n', labels } })).zone).toBe('eu/eu-a');
  });
});
