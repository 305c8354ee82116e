import { KubeError } from './kube-error.ts';
import type { KubeObject, Resource } from './object.ts';

/** Path of a kind's objects, or of one, or of a part of it, at the API. */
export function resourcePath(
  { apiVersion, plural, namespaced }: Resource,
  at: { namespace?: string; name?: string; subresource?: string } = {},
): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespaced && at.namespace !== undefined ? ['namespaces', at.namespace] : [];
  const parts = [...within, plural, at.name, at.subresource].filter((part) => part !== undefined);
  return `${root}/${parts.map(encodeURIComponent).join('/')}`;
}

/** Finds the resource of an object by its apiVersion and kind. */
export type ResourceOf = (object: KubeObject) => Resource;

/** The finder for these resources. An object of another kind is refused as invalid, as is one without what addresses it. */
export function resourceFinder(resources: readonly Resource[]): ResourceOf {
  const byKind = new Map(resources.map((resource) => [`${resource.apiVersion} ${resource.kind}`, resource]));
  return ({ apiVersion, kind, metadata }) => {
    const resource = byKind.get(`${apiVersion} ${kind}`);
    if (!resource) throw new KubeError('invalid', `${kind} of ${apiVersion} is no kind that is handled here`);
    if (!metadata?.name) throw new KubeError('invalid', `a ${kind} needs metadata.name`);
    if (resource.namespaced && !metadata.namespace) {
      throw new KubeError('invalid', `${kind} ${metadata.name} needs metadata.namespace`);
    }
    return resource;
  };
}
