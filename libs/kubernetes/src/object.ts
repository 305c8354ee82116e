/** What every object of a cluster has. Times are RFC 3339. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** An object of any kind, as the API gives and takes it. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** How objects of a kind are addressed. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only for the type of what is read. */
  readonly object?: T;
}

interface KeyedObject {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}

/** `namespace/name`, or the name alone of what has no namespace. */
export function keyOf({ metadata: { namespace, name } }: KeyedObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** What an object is addressed by. */
export function objectName({ metadata: { namespace, name } }: KeyedObject): { namespace?: string; name: string } {
  return { ...(namespace !== undefined && { namespace }), name };
}
