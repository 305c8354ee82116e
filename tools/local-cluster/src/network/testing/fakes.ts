import type { Followed } from '@flotilla/kubernetes';
import { Endpoints } from '../endpoints.ts';
import type { PodPlace, ServicePlace } from '../objects.ts';

/** Objects that a test puts and removes by hand. */
export class FakeFollowed<T extends object> implements Followed<T> {
  readonly items = new Map<string, T>();
  readonly synced = Promise.resolve();
  readonly #listeners = new Set<Parameters<Followed<T>['onChange']>[0]>();

  put(key: string, now: T | undefined): void {
    const before = this.items.get(key);
    if (now === undefined) this.items.delete(key);
    else this.items.set(key, now);
    for (const listener of this.#listeners) listener(key, now, before);
  }

  onChange(listener: Parameters<Followed<T>['onChange']>[0]): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** A cluster of Services and pods in the namespace `shop`, without any API. */
export function fakeCluster() {
  const services = new FakeFollowed<ServicePlace>();
  const pods = new FakeFollowed<PodPlace>();
  const endpoints = new Endpoints({ services, pods });
  const service = (name: string, place: Partial<ServicePlace> = {}) => {
    services.put(`shop/${name}`, {
      ...{ namespace: 'shop', name, clusterIp: undefined, selector: { app: name }, alsoUnready: false },
      ports: [{ name: 'http', port: 80, targetPort: 'web' }],
      ...place,
    });
  };
  const pod = (name: string, app: string, place: Partial<PodPlace> = {}) => {
    pods.put(`shop/${name}`, {
      ...{ namespace: 'shop', name, labels: { app }, address: '127.0.0.1', ready: true },
      ...{ ports: [{ name: 'web', containerPort: 8080 }], hostname: undefined, subdomain: undefined },
      ...place,
    });
  };
  return { services, pods, endpoints, service, pod };
}
