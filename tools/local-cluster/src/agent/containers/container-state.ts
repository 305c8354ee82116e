import type { ContainerSpec, RestartPolicy } from '../pod-spec.ts';

/** How a container ended. */
export interface Termination {
  code: number;
  signal?: number;
  reason: 'Completed' | 'Error' | 'StartError';
  message?: string;
  startedAt: string;
  finishedAt: string;
}

export type ContainerState =
  | { kind: 'waiting'; reason: string; message?: string }
  | { kind: 'running'; startedAt: string }
  | ({ kind: 'terminated' } & Termination);

/** A container as its pod's status tells it. */
export interface ContainerView {
  spec: ContainerSpec;
  state: ContainerState;
  last?: Termination;
  restarts: number;
  started: boolean;
  ready: boolean;
}

export function restartsAfter(policy: RestartPolicy, code: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && code !== 0);
}
