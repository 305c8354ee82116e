import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { follow, type Followed, type KubeApi, type KubeObject, type Resource } from '@flotilla/kubernetes';

interface Claim extends KubeObject {
  spec: {
    accessModes?: string[];
    storageClassName?: string;
    volumeMode?: string;
    volumeName?: string;
    resources?: { requests?: Record<string, string> };
  };
}

const claims: Resource<Claim> = {
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims', namespaced: true },
};
const volumes: Resource = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
};

/** What the agent creates that not every KubeApi knows. */
export const agentResources: readonly Resource[] = [volumes];

/** What is held of a claim: which volume was made for it, and of which of its name. */
interface Held {
  uid: string;
  bound: boolean;
}

/** Gives every claim a folder and a volume of its own, so that the controllers bind it and its pods are scheduled. */
export function provideClaims(api: KubeApi, folder: string): Followed<Held> {
  const keep = (claim: Claim): Held => {
    const { uid, deletionTimestamp } = claim.metadata;
    if (claim.spec.volumeName === undefined && deletionTimestamp === undefined) void provide(claim);
    return { uid: uid!, bound: claim.spec.volumeName !== undefined };
  };
  const provide = async (claim: Claim) => {
    const { namespace, name, uid } = claim.metadata;
    const place = path.join(folder, namespace!, name);
    mkdirSync(place, { recursive: true });
    await api.create(volumeFor(claim, `claim-${uid!}`, place)).catch(() => undefined);
  };
  const followed = follow(api, claims, {}, { keep });
  followed.onChange((key, now, before) => {
    if (now?.uid === before?.uid || before === undefined) return;
    rmSync(path.join(folder, key), { recursive: true, force: true });
    api.delete(volumes, { name: `claim-${before.uid}` }).catch(() => undefined);
  });
  return followed;
}

function volumeFor({ metadata, spec }: Claim, name: string, place: string): KubeObject & { spec: unknown } {
  const { namespace, name: claim, uid } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      accessModes: spec.accessModes,
      capacity: spec.resources?.requests,
      storageClassName: spec.storageClassName,
      volumeMode: spec.volumeMode,
      // The folder goes with its claim: the agent sees to that.
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: place },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claim, uid },
    },
  };
}
