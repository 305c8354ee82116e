import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Pod } from '@flotilla/kubernetes';
import { fieldValue, resourceValue, type PodPlace } from '../containers/downward.ts';
import { expand } from '../containers/expansion.ts';
import type { PodIdentity } from '../identity/pod-identity.ts';
import { type ContainerSpec, type KeyToPath, specOf, type VolumeSources, type VolumeSpec } from '../pod-spec.ts';
import { writeAtomically, type Files } from './atomic-folder.ts';
import type { Mount } from './mounts.ts';
import type { Source, Sources } from './sources.ts';

export interface VolumeSetting {
  sources: Sources;
  identity: PodIdentity;
  place: PodPlace;
  /** The pod's own folder. */
  folder: string;
  /** Where the claims of its namespace lie. */
  claims: string;
}

/** A pod's volumes as folders. Those that are filled from objects of the API are filled again by `fill`. */
export class PodVolumes {
  readonly #setting: VolumeSetting;
  readonly #written = new Map<string, string>();

  constructor(setting: VolumeSetting) {
    this.#setting = setting;
  }

  /** Makes the folders hold what they shall now. Throws MissingSource, or with what is wrong in the spec. */
  async fill(pod: Pod, signal: AbortSignal): Promise<void> {
    for (const volume of specOf(pod).volumes ?? []) {
      const folder = this.#folderOf(volume);
      const parts = volume.projected?.sources ?? (isFilled(volume) ? [volume] : []);
      if (volume.hostPath === undefined) mkdirSync(folder, { recursive: true });
      if (parts.length > 0) this.write(folder, await this.#files(pod, parts, signal));
    }
  }

  /** Writes a folder unless it holds that already. */
  write(folder: string, files: Files): void {
    const hash = createHash('sha256');
    for (const [name, content] of Object.entries(files)) hash.update(`${name}\0${content.length}\0`).update(content);
    const digest = hash.digest('base64');
    if (this.#written.get(folder) === digest) return;
    writeAtomically(folder, files);
    this.#written.set(folder, digest);
  }

  /** Which paths of a container are which of this machine. */
  mountsOf(pod: Pod, container: ContainerSpec, variables: Readonly<Record<string, string>>): Mount[] {
    const volumes = new Map((specOf(pod).volumes ?? []).map((volume) => [volume.name, volume]));
    return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, subPathExpr }) => {
      const volume = volumes.get(name);
      if (!volume) throw new Error(`container ${container.name} mounts "${name}", which is no volume of the pod`);
      const within = subPathExpr === undefined ? (subPath ?? '') : expand(subPathExpr, variables);
      const real = path.join(this.#folderOf(volume), within);
      if (within !== '' && !isFilled(volume) && !volume.projected) mkdirSync(real, { recursive: true });
      return { path: mountPath, real };
    });
  }

  #folderOf({ name, persistentVolumeClaim, hostPath }: VolumeSpec): string {
    if (hostPath) return hostPath.path;
    if (persistentVolumeClaim) return path.join(this.#setting.claims, persistentVolumeClaim.claimName);
    return path.join(this.#setting.folder, 'volumes', name);
  }

  async #files(pod: Pod, parts: readonly VolumeSources[], signal: AbortSignal): Promise<Files> {
    const files: Record<string, Buffer | string> = {};
    const namespace = pod.metadata.namespace!;
    const { sources, identity, place } = this.#setting;
    for (const { configMap, secret, downwardAPI, serviceAccountToken } of parts) {
      if (configMap) {
        Object.assign(
          files,
          chosen(sources.find('ConfigMap', namespace, configMap.name, configMap.optional), configMap),
        );
      }
      if (secret) {
        const name = secret.secretName ?? secret.name ?? '';
        Object.assign(files, chosen(sources.find('Secret', namespace, name, secret.optional), secret));
      }
      for (const { path: file, fieldRef, resourceFieldRef } of downwardAPI?.items ?? []) {
        const container = specOf(pod).containers.find(({ name }) => name === resourceFieldRef?.containerName);
        files[file] = fieldRef ? fieldValue(pod, place, fieldRef) : resourceValue(resourceFieldRef!, container ?? {});
      }
      if (serviceAccountToken) {
        const { path: file, audience, expirationSeconds } = serviceAccountToken;
        files[file] = await identity.token(audience, signal, expirationSeconds);
      }
    }
    return files;
  }
}

function isFilled({ configMap, secret, downwardAPI, serviceAccountToken }: VolumeSources): boolean {
  return [configMap, secret, downwardAPI, serviceAccountToken].some((part) => part !== undefined);
}

function chosen(source: Source | undefined, { items }: { items?: KeyToPath[] }): Files {
  const data = source?.data ?? {};
  if (!items) return data;
  return Object.fromEntries(items.filter(({ key }) => data[key]).map(({ key, path: file }) => [file, data[key]!]));
}
