import type { Followed } from '@flotilla/kubernetes';
import type { PodPlace, ServicePlace } from './objects.ts';

/** Where a connection to a Service can go. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface EndpointsOptions {
  services: Pick<Followed<ServicePlace>, 'items' | 'onChange'>;
  pods: Pick<Followed<PodPlace>, 'items' | 'onChange'>;
  /** Of Services that select no pods, by `namespace/name`: the API server. */
  fixed?: Readonly<Record<string, readonly Endpoint[]>>;
}

/**
 * The ready pods behind each Service, from the objects themselves: the API refuses EndpointSlices with loopback addresses. What
 * was worked out is kept until a pod or a Service changes.
 */
export class Endpoints {
  readonly #services: EndpointsOptions['services'];
  readonly #pods: EndpointsOptions['pods'];
  readonly #fixed: Readonly<Record<string, readonly Endpoint[]>>;
  /** Pods by Service; as many entries as there are Services. */
  readonly #selected = new Map<string, readonly PodPlace[]>();

  constructor({ services, pods, fixed = {} }: EndpointsOptions) {
    this.#services = services;
    this.#pods = pods;
    this.#fixed = fixed;
    services.onChange(() => this.#selected.clear());
    pods.onChange(() => this.#selected.clear());
  }

  service(namespace: string, name: string): ServicePlace | undefined {
    return this.#services.items.get(`${namespace}/${name}`);
  }

  /** The pods that a Service sends to: those that are ready, unless it wants all. */
  pods(service: ServicePlace): readonly PodPlace[] {
    const key = `${service.namespace}/${service.name}`;
    const known = this.#selected.get(key);
    if (known) return known;
    const wanted = Object.entries(service.selector ?? {});
    const selected = [...this.#pods.items.values()].filter(
      (pod) =>
        wanted.length > 0 &&
        pod.namespace === service.namespace &&
        pod.address !== undefined &&
        (pod.ready || service.alsoUnready) &&
        wanted.every(([label, value]) => pod.labels[label] === value),
    );
    this.#selected.set(key, selected);
    return selected;
  }

  /** Where its port, named or numbered, is served. Empty: nowhere now. */
  of(service: ServicePlace, port: number | string): readonly Endpoint[] {
    const fixed = this.#fixed[`${service.namespace}/${service.name}`];
    if (fixed) return fixed;
    const found = service.ports.find((each) => each.port === port || each.name === port);
    if (!found) return [];
    return this.pods(service).flatMap((pod) => {
      const target = portOf(pod, found.targetPort);
      return target === undefined ? [] : [{ address: pod.address!, port: target }];
    });
  }
}

function portOf(pod: PodPlace, target: number | string): number | undefined {
  return typeof target === 'number' ? target : pod.ports.find(({ name }) => name === target)?.containerPort;
}
