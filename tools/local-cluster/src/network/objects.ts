import { services, type KubeObject, type Pod, type Resource } from '@flotilla/kubernetes';

interface Service extends KubeObject {
  spec: {
    clusterIP?: string;
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
    publishNotReadyAddresses?: boolean;
  };
}

interface NamedPort {
  name?: string;
  containerPort: number;
}

interface IngressBackend {
  service?: { name: string; port: { number?: number; name?: string } };
}

export interface Ingress extends KubeObject {
  spec: {
    defaultBackend?: IngressBackend;
    rules?: { host?: string; http?: { paths: IngressPath[] } }[];
  };
}

export interface IngressPath {
  path?: string;
  pathType: 'Prefix' | 'Exact' | 'ImplementationSpecific';
  backend: IngressBackend;
}

export const serviceResource = services as Resource<Service>;
export const ingressResource: Resource<Ingress> = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  plural: 'ingresses',
  namespaced: true,
};

/** What the network needs to know of a pod. */
export interface PodPlace {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: it has none yet, or ended. */
  readonly address: string | undefined;
  readonly ready: boolean;
  readonly ports: readonly NamedPort[];
  /** Its own name behind a headless Service, as pods of a StatefulSet have it. */
  readonly hostname: string | undefined;
  readonly subdomain: string | undefined;
}

export interface ServicePlace {
  readonly namespace: string;
  readonly name: string;
  /** Undefined: headless. */
  readonly clusterIp: string | undefined;
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly ports: readonly { name: string | undefined; port: number; targetPort: number | string }[];
  readonly alsoUnready: boolean;
}

export function podPlace({ metadata, spec, status }: Pod): PodPlace {
  const { containers, hostname, subdomain } = spec as Pod['spec'] & { hostname?: string; subdomain?: string };
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  return {
    namespace: metadata.namespace!,
    name: metadata.name,
    labels: metadata.labels ?? {},
    address: ended ? undefined : status?.podIP,
    ready: isReady && metadata.deletionTimestamp === undefined,
    ports: containers.flatMap((container) => (container as { ports?: NamedPort[] }).ports ?? []),
    hostname,
    subdomain,
  };
}

export function servicePlace({ metadata, spec }: Service): ServicePlace {
  const tcp = (spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP');
  return {
    namespace: metadata.namespace!,
    name: metadata.name,
    clusterIp: spec.clusterIP === 'None' || !spec.clusterIP ? undefined : spec.clusterIP,
    selector: spec.selector,
    ports: tcp.map(({ name, port, targetPort = port }) => ({ name, port, targetPort })),
    alsoUnready: spec.publishNotReadyAddresses ?? false,
  };
}
