import type { Credentials } from './credentials.ts';

export interface Ports {
  etcd: number;
  etcdPeers: number;
  api: number;
  controllerManager: number;
  scheduler: number;
}

/** An etcd that need not survive a power cut. */
export function etcdArguments(folder: string, { etcd, etcdPeers }: Ports): string[] {
  const clients = `http://127.0.0.1:${etcd}`;
  const peers = `http://127.0.0.1:${etcdPeers}`;
  return [
    `--data-dir=${folder}`,
    '--unsafe-no-fsync',
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    '--log-level=warn',
  ];
}

/**
 * RBAC and pod security are on. ServiceAccount admission is off: it would mount a token into every pod, and the agent gives
 * pods their identity itself. No reconciler of endpoints: the API refuses loopback addresses in them.
 */
export function apiServerArguments(ports: Ports, credentials: Credentials, serviceNetwork: string): string[] {
  return [
    'kube-apiserver',
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${ports.api}`,
    `--cert-dir=${credentials.certificates}`,
    `--token-auth-file=${credentials.tokenFile}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${credentials.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    `--service-cluster-ip-range=${serviceNetwork}`,
    '--endpoint-reconciler-type=none',
    '--disable-admission-plugins=ServiceAccount',
    // As everywhere: pod security decides, not this.
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-client-certificate=${credentials.caFile}`,
    `--kubelet-client-key=${credentials.apiServerKey}`,
    '--profiling=false',
  ];
}

/** Controllers for clouds and for what this cluster does itself (pod addresses, endpoints). */
const withoutControllers = [
  'node-ipam-controller',
  'node-route-controller',
  'service-lb-controller',
  'cloud-node-lifecycle-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'persistentvolume-attach-detach-controller',
];

export function controllerManagerArguments({ controllerManager }: Ports, credentials: Credentials): string[] {
  return [
    'kube-controller-manager',
    ...partArguments(credentials, 'controller-manager', controllerManager),
    `--root-ca-file=${credentials.caFile}`,
    `--service-account-private-key-file=${credentials.serviceAccountKey}`,
    // A crowded machine, or an API server that restarts, holds up heartbeats: no node is gone for that.
    '--node-monitor-grace-period=5m',
    `--controllers=*,${withoutControllers.map((name) => `-${name}`).join(',')}`,
  ];
}

export function schedulerArguments({ scheduler }: Ports, credentials: Credentials): string[] {
  return ['kube-scheduler', ...partArguments(credentials, 'scheduler', scheduler)];
}

/** There is one of each, so nobody need be elected: that saves a write every two seconds. */
function partArguments(credentials: Credentials, identity: 'controller-manager' | 'scheduler', port: number): string[] {
  const kubeconfig = credentials.kubeconfig(identity);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    // By themselves they make 20 and 50 calls a second, and 10,000 pods take ten minutes.
    '--kube-api-qps=1000',
    '--kube-api-burst=2000',
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${credentials.certificates}/${identity}`,
    '--profiling=false',
  ];
}
