import { follow, pods, type KubeApi } from '@flotilla/kubernetes';
import { forwardClusterIps } from './cluster-ips.ts';
import { addressesOf } from './cluster-names.ts';
import { startDnsServer } from './dns-server.ts';
import { Endpoints, type Endpoint } from './endpoints.ts';
import { startIngress } from './ingress.ts';
import { ingressResource, podPlace, servicePlace, serviceResource } from './objects.ts';

export interface NetworkOptions {
  api: KubeApi;
  /** Where the API server listens: what the Service `default/kubernetes` leads to. */
  apiServer: Endpoint;
  /** On 127.0.0.1. Absent: a free one. */
  ingressPort?: number;
  onProblem(text: string): void;
}

export interface Network {
  readonly dnsPort: number;
  readonly ingressUrl: string;
  stop(): Promise<void>;
}

/** What makes Services, their names and Ingress objects work: DNS, cluster IPs, a reverse proxy. */
export async function startNetwork({ api, apiServer, ingressPort, onProblem }: NetworkOptions): Promise<Network> {
  const services = follow(api, serviceResource, {}, { keep: servicePlace });
  const places = follow(api, pods, {}, { keep: podPlace });
  const ingresses = follow(api, ingressResource, {}, { keep: (ingress) => ingress });
  const stopFollowing = () => Promise.all([services.stop(), places.stop(), ingresses.stop()]);
  try {
    const endpoints = new Endpoints({ services, pods: places, fixed: { 'default/kubernetes': [apiServer] } });
    await Promise.all([services.synced, places.synced, ingresses.synced]);
    const dns = await startDnsServer((name) => addressesOf(name, endpoints));
    const ingress = await startIngress({ ingresses, endpoints, port: ingressPort });
    const clusterIps = forwardClusterIps({ services, endpoints, onProblem });
    return {
      dnsPort: dns.port,
      ingressUrl: ingress.url,
      async stop() {
        await Promise.all([ingress.stop(), clusterIps.stop(), dns.stop(), stopFollowing()]);
      },
    };
  } catch (error) {
    await stopFollowing();
    throw error;
  }
}
