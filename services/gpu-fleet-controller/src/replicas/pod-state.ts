import { redactText } from '@flotilla/telemetry';
import type { ReplicaState } from '../models/world.ts';
import type { PodFacts } from './pod-facts.ts';

/** What a container that waits for one of these does not come out of soon, or ever. */
const stuck = new Set([
  'CrashLoopBackOff',
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/** Characters shown of what a container wrote at its end. */
const maxSaid = 200;

export interface StateAndReason {
  readonly state: ReplicaState;
  /** In words for people; empty where it is ready. */
  readonly reason: string;
}

/**
 * What the cluster alone says of a pod. Undefined: its engine is to be asked. Its container's last words are told of one that
 * never served only, so that nothing a user wrote can be in them.
 */
export function stateOfPod(facts: PodFacts, served: boolean): StateAndReason | undefined {
  const { phase, waiting, node, ip, unscheduled } = facts;
  if (facts.deleted) return { state: 'ending', reason: 'the cluster deletes it' };
  const end = endOf(facts, served);
  if (phase === 'Failed' || phase === 'Succeeded') return { state: 'failing', reason: `its pod has ended${end}` };
  if (waiting && stuck.has(waiting.reason)) {
    const said = waiting.message && `: ${waiting.message}`;
    return { state: 'failing', reason: `${waiting.reason}${said}${end}` };
  }
  if (node === '') return { state: 'pending', reason: unscheduled ?? 'no node has been found for it yet' };
  if (ip === '') return { state: 'starting', reason: waiting?.reason ?? 'its pod has no address yet' };
  return undefined;
}

/** How its container ended last, in brackets; empty: it has not. */
export function endOf({ lastEnd }: PodFacts, served: boolean): string {
  if (!lastEnd) return '';
  const { reason, exitCode, message } = lastEnd;
  const words = served ? '' : redactText(message.trim().split('\n').at(-1)!).slice(0, maxSaid);
  return ` (${reason || 'ended'}, exit code ${exitCode}${words && `: ${words}`})`;
}
