import type { Ingress, IngressPath } from './objects.ts';

export interface Backend {
  readonly namespace: string;
  readonly service: string;
  readonly port: number | string;
}

interface Route {
  /** `*.example.com` matches one label more; undefined: every host. */
  readonly host: string | undefined;
  readonly path: string;
  readonly exact: boolean;
  readonly backend: Backend;
}

/** Finds where a request goes. Undefined: no Ingress says. */
export type FindBackend = (host: string, path: string) => Backend | undefined;

/** The rules of all Ingress objects as Kubernetes ranks them: the host that names more, the exact path, the longer path. */
export function routesOf(ingresses: Iterable<Ingress>): FindBackend {
  const routes = [...ingresses].flatMap(routesOfOne).sort(byRank);
  return (host, path) => routes.find((route) => hostMatches(route, host) && pathMatches(route, path))?.backend;
}

function routesOfOne({ metadata, spec }: Ingress): Route[] {
  const namespace = metadata.namespace!;
  const route = (host: string | undefined, { path = '/', pathType, backend: { service } }: IngressPath): Route[] => {
    const port = service?.port.number ?? service?.port.name;
    if (!service || port === undefined) return [];
    const backend = { namespace, service: service.name, port };
    return [{ host, path, exact: pathType === 'Exact', backend }];
  };
  const ruled = (spec.rules ?? []).flatMap(({ host, http }) =>
    (http?.paths ?? []).flatMap((path) => route(host, path)),
  );
  const last = spec.defaultBackend ? route(undefined, { pathType: 'Prefix', backend: spec.defaultBackend }) : [];
  return [...ruled, ...last];
}

function byRank(one: Route, other: Route): number {
  return (
    hostRank(other) - hostRank(one) || Number(other.exact) - Number(one.exact) || other.path.length - one.path.length
  );
}

function hostRank({ host }: Route): number {
  if (host === undefined) return 0;
  return host.startsWith('*.') ? 1 : 2;
}

function hostMatches({ host }: Route, asked: string): boolean {
  if (host === undefined || host === asked) return true;
  return host.startsWith('*.') && asked.indexOf('.') > 0 && asked.slice(asked.indexOf('.')) === host.slice(1);
}

/** A prefix counts by whole parts: `/v1` takes `/v1/models`, not `/v10`. */
function pathMatches({ path, exact }: Route, asked: string): boolean {
  if (asked === path) return true;
  return !exact && asked.startsWith(path.endsWith('/') ? path : `${path}/`);
}
