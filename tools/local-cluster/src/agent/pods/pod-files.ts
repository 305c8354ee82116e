import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { sleep, type Timer } from '@flotilla/kernel';
import type { KubeObject, Pod, Resource } from '@flotilla/kubernetes';
import type { PodPlace } from '../containers/downward.ts';
import { PodIdentity } from '../identity/pod-identity.ts';
import { specOf } from '../pod-spec.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';
import type { PodWorld } from './pod-world.ts';

/** Milliseconds between two tries of what cannot be filled yet, when nothing changes before. */
const pauseMs = { first: 500, most: 10_000 };

const serviceAccounts: Resource<KubeObject & { automountServiceAccountToken?: boolean }> = {
  ...{ apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true },
};

/** What lies on disk for a pod: its volumes and its identity, kept up while it runs. */
export class PodFiles {
  readonly folder: string;
  readonly volumes: PodVolumes;
  /** The folder of the pod's identity; undefined: it has none. */
  identityFolder: string | undefined;
  readonly #world: PodWorld;
  readonly #identity: PodIdentity;
  #filling: Promise<void> = Promise.resolve();
  #prepared = false;
  #renewal: Timer | undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(pod: Pod, place: PodPlace, world: PodWorld) {
    const { clock, issueToken, sources, folders } = world;
    this.folder = path.join(folders.pods, pod.metadata.uid!);
    mkdirSync(this.folder, { recursive: true });
    this.#world = world;
    this.#identity = new PodIdentity(pod, clock, issueToken);
    const claims = path.join(folders.claims, pod.metadata.namespace!);
    this.volumes = new PodVolumes({ sources, identity: this.#identity, place, folder: this.folder, claims });
  }

  /** Fills all that the pod needs to start, as often as it takes; after that keeps it up. `current`: the pod as it is now. */
  async prepare(current: () => Pod, failed: (message: string) => void, signal: AbortSignal): Promise<void> {
    const namespace = current().metadata.namespace!;
    const { clock, sources } = this.#world;
    for (let pause = pauseMs.first; !signal.aborted; pause = Math.min(2 * pause, pauseMs.most)) {
      try {
        await this.#fill(current(), signal);
        break;
      } catch (error) {
        if (!signal.aborted) failed(error instanceof Error ? error.message : String(error));
      }
      const waiting = new AbortController();
      const either = AbortSignal.any([signal, waiting.signal]);
      await Promise.race([sleep(clock, pause, either).catch(() => undefined), sources.changed(namespace, either)]);
      waiting.abort();
    }
    if (signal.aborted) return;
    this.#prepared = true;
    this.#unsubscribe = sources.onChange((changed) => changed === namespace && this.refill(current(), signal));
    this.#renewLater(current, signal);
  }

  /** Writes anew what changed since it was prepared. What cannot be written stays as it was. */
  refill(pod: Pod, signal: AbortSignal): void {
    if (!this.#prepared) return;
    this.#filling = this.#filling.then(() => this.#fill(pod, signal)).catch(() => undefined);
  }

  async remove(): Promise<void> {
    this.#unsubscribe();
    this.#renewal?.cancel();
    await this.#filling;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #fill(pod: Pod, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (await this.#mountsToken(pod, signal)) {
      const folder = path.join(this.folder, 'identity');
      this.volumes.write(folder, await this.#identity.files(this.#world.cluster, folder, signal));
      this.identityFolder = folder;
    }
    await this.volumes.fill(pod, signal);
  }

  async #mountsToken(pod: Pod, signal: AbortSignal): Promise<boolean> {
    const { automountServiceAccountToken: asked, serviceAccountName: name = 'default' } = specOf(pod);
    if (asked !== undefined || this.identityFolder !== undefined) return asked ?? true;
    const { namespace } = pod.metadata;
    const account = await this.#world.api.get(serviceAccounts, { namespace, name }, { signal });
    return account?.automountServiceAccountToken ?? true;
  }

  #renewLater(current: () => Pod, signal: AbortSignal): void {
    const { clock } = this.#world;
    const { renewAt } = this.#identity;
    if (renewAt === Infinity) return;
    this.#renewal = clock.after(Math.max(pauseMs.most, renewAt - clock.now()), () => {
      this.refill(current(), signal);
      void this.#filling.then(() => !signal.aborted && this.#renewLater(current, signal));
    });
  }
}
