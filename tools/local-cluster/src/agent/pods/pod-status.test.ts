import { describe, expect, it } from '@jest/globals';
import type { Pod } from '@flotilla/kubernetes';
import type { ContainerState, ContainerView } from '../containers/container-state.ts';
import { phaseOf, podStatus, type PodView } from './pod-status.ts';

const times = { startedAt: 't', finishedAt: 't' };
const states: Record<string, ContainerState> = {
  w: { kind: 'waiting', reason: 'ContainerCreating' },
  r: { kind: 'running', startedAt: 't' },
  '0': { kind: 'terminated', code: 0, reason: 'Completed', ...times },
  '1': { kind: 'terminated', code: 1, reason: 'Error', ...times },
};
const container = (name: string, letter: string): ContainerView => ({
  spec: { name, image: 'i' },
  state: states[letter]!,
  ...{ restarts: 0, started: letter === 'r', ready: letter === 'r' },
});
const view = (letters: string, rest: Partial<PodView> = {}): PodView => ({
  ...{ place: { podIP: '127.1.0.1', hostIP: '127.0.0.1' }, startTime: 't', init: [], initialized: true, ending: false },
  containers: [...letters].map((letter, i) => container(`c${i}`, letter)),
  ...rest,
});

describe('the phase of a pod', () => {
  it.each([
    ['w', 'Always', 'Pending'],
    ['rw', 'Always', 'Pending'],
    ['rr', 'Always', 'Running'],
    ['r1', 'Never', 'Running'],
    ['00', 'Never', 'Succeeded'],
    ['01', 'Never', 'Failed'],
    ['1', 'OnFailure', 'Running'],
    ['0', 'OnFailure', 'Succeeded'],
    ['1', 'Always', 'Running'],
  ] as const)('with containers %s that restart %s is %s', (letters, policy, phase) => {
    expect(phaseOf(view(letters), policy)).toBe(phase);
  });

  it('is Failed when an init container failed for good, Pending while it is tried again', () => {
    const failed = view('w', { init: [container('i', '1')], initialized: false });
    expect([phaseOf(failed, 'Never'), phaseOf(failed, 'Always')]).toEqual(['Failed', 'Pending']);
  });
});

describe('the status of a pod', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [] } } as Pod;
  const ready = (status: Record<string, unknown>) =>
    (status['conditions'] as { type: string; status: string; lastTransitionTime: string }[]).find(
      ({ type }) => type === 'Ready',
    )!;

  it('is not ready any more as soon as the pod ends, though its containers still run', () => {
    expect(ready(podStatus(pod, view('r'), 't1')).status).toBe('True');
    expect(ready(podStatus(pod, view('r', { ending: true }), 't1')).status).toBe('False');
  });

  it('keeps the time of what did not change, and what others say of the pod', () => {
    const conditions = [
      { type: 'PodScheduled', status: 'True' as const },
      { type: 'Ready', status: 'True' as const, lastTransitionTime: 't0' },
    ];
    const status = podStatus({ ...pod, status: { conditions } }, view('r'), 't1');
    expect(ready(status).lastTransitionTime).toBe('t0');
    expect(status['conditions']).toContainEqual(conditions[0]);
  });
});
