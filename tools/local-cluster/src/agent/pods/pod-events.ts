import { randomBytes } from 'node:crypto';
import type { Clock } from '@flotilla/kernel';
import type { CoreEvent, KubeApi, Pod } from '@flotilla/kubernetes';

/** Different events of one pod that are told; more are not. */
const mostEvents = 64;

/** Tells what happens to a pod as events of the cluster, each thing once. An event that cannot be written is lost. */
export class PodEvents {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #pod: Pod;
  readonly #told = new Set<string>();

  constructor(api: KubeApi, clock: Clock, pod: Pod) {
    this.#api = api;
    this.#clock = clock;
    this.#pod = pod;
  }

  tell(type: CoreEvent['type'], reason: string, message: string): void {
    const key = `${reason} ${message}`;
    if (this.#told.has(key) || this.#told.size >= mostEvents) return;
    this.#told.add(key);
    const { name, namespace, uid } = this.#pod.metadata;
    const time = `${new Date(this.#clock.now()).toISOString().slice(0, 19)}Z`;
    const event: CoreEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      ...{ type, reason, message: message.slice(0, 1_000), count: 1, firstTimestamp: time, lastTimestamp: time },
      source: { component: 'kubelet' },
    };
    this.#api.create(event).catch(() => undefined);
  }
}
