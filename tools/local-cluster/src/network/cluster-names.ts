import type { Endpoints } from './endpoints.ts';

const zone = '.svc.cluster.local';

/**
 * The addresses of a name as the cluster's DNS has it (https://github.com/kubernetes/dns/blob/master/docs/specification.md):
 * `<service>.<namespace>.svc.cluster.local` is the cluster IP, or the ready pods of a headless one;
 * `<pod>.<service>.…` a pod of a StatefulSet. Undefined: there is no such name.
 */
export function addressesOf(name: string, endpoints: Endpoints): string[] | undefined {
  const lower = name.toLowerCase().replace(/\.$/, '');
  if (!lower.endsWith(zone)) return undefined;
  const parts = lower.slice(0, -zone.length).split('.');
  if (parts.length < 2 || parts.length > 3) return undefined;
  const [serviceName, namespace] = parts.slice(-2) as [string, string];
  const pod = parts.length === 3 ? parts[0] : undefined;
  const service = endpoints.service(namespace, serviceName);
  if (!service) return undefined;
  if (pod === undefined && service.clusterIp !== undefined) return [service.clusterIp];
  const selected = endpoints.pods(service).filter((each) => {
    return pod === undefined || (each.hostname === pod && each.subdomain === serviceName);
  });
  return selected.length === 0 ? undefined : selected.map(({ address }) => address!);
}
