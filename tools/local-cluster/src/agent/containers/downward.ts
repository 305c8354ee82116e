import type { Pod } from '@flotilla/kubernetes';
import { type ContainerSpec, type FieldReference, type ResourceFieldReference, specOf } from '../pod-spec.ts';
import { quantity } from './quantity.ts';

/** What a pod tells its own containers beside its object: where it is. */
export interface PodPlace {
  podIP: string;
  hostIP: string;
}

const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

const fields: Readonly<Record<string, (pod: Pod, place: PodPlace) => string | undefined>> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
  'metadata.uid': ({ metadata }) => metadata.uid,
  'metadata.labels': ({ metadata }) => lines(metadata.labels),
  'metadata.annotations': ({ metadata }) => lines(metadata.annotations),
  'spec.nodeName': ({ spec }) => spec.nodeName,
  'spec.serviceAccountName': (pod) => specOf(pod).serviceAccountName ?? 'default',
  'status.podIP': (_pod, { podIP }) => podIP,
  'status.podIPs': (_pod, { podIP }) => podIP,
  'status.hostIP': (_pod, { hostIP }) => hostIP,
  'status.hostIPs': (_pod, { hostIP }) => hostIP,
};

/** The value of a fieldRef; empty where the pod has none. Throws on a path that is not supported. */
export function fieldValue(pod: Pod, place: PodPlace, { fieldPath }: FieldReference): string {
  const [, map, key] = keyed.exec(fieldPath) ?? [];
  if (map === 'labels' || map === 'annotations') return pod.metadata[map]?.[key!] ?? '';
  const read = Object.hasOwn(fields, fieldPath) ? fields[fieldPath] : undefined;
  if (!read) throw new Error(`field path "${fieldPath}" is not supported`);
  return read(pod, place) ?? '';
}

/** The value of a resourceFieldRef, rounded up to whole divisors, as kubelet gives it. Unset limits and requests are 0. */
export function resourceValue(
  { resource, divisor = '1' }: ResourceFieldReference,
  { resources }: Pick<ContainerSpec, 'resources'>,
): string {
  const [kind, ...name] = resource.split('.');
  const set = kind === 'limits' ? resources?.limits : resources?.requests;
  const unit = quantity(divisor) || 1;
  return String(Math.ceil(quantity(set?.[name.join('.')] ?? '0') / unit));
}

function lines(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}
