import type { Node } from '@flotilla/kubernetes';

/** Machines of one make in one zone. */
export interface NodePool {
  /** Its nodes are `<name>-0`, `<name>-1`, … */
  name: string;
  zone: string;
  count: number;
  cpu: number;
  /** As Kubernetes writes it: `256Gi`. */
  memory: string;
  /** Devices of other kinds: `{ 'nvidia.com/gpu': 8 }`. */
  devices?: Readonly<Record<string, number>>;
  labels?: Readonly<Record<string, string>>;
  taints?: readonly { key: string; value?: string; effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' }[];
}

const region = 'local';
const podsPerNode = 250;

/** Two zones; in each two machines with eight GPUs, and one without for what needs none. */
export const defaultPools: readonly NodePool[] = ['a', 'b'].flatMap((letter) => {
  const zone = `${region}-${letter}`;
  return [
    {
      name: `gpu-${letter}`,
      zone,
      count: 2,
      cpu: 64,
      memory: '512Gi',
      devices: { 'nvidia.com/gpu': 8 },
      labels: { 'nvidia.com/gpu.present': 'true', 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
    },
    { name: `cpu-${letter}`, zone, count: 1, cpu: 64, memory: '256Gi' },
  ];
});

/** A pool's nodes as objects for the API; KWOK makes and keeps them ready. `kubeletPort`: where logs are asked for. */
export function nodesOf(pool: NodePool, kubeletPort: number): Node[] {
  return Array.from({ length: pool.count }, (_, index) => nodeOf(pool, `${pool.name}-${index}`, kubeletPort));
}

function nodeOf(pool: NodePool, name: string, kubeletPort: number): Node {
  const { zone, cpu, memory, devices = {}, labels, taints } = pool;
  const deviceCounts = Object.entries(devices).map(([device, count]) => [device, `${count}`]);
  const capacity = { cpu: `${cpu}`, memory, pods: `${podsPerNode}`, ...Object.fromEntries(deviceCounts) };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/arch': process.arch === 'arm64' ? 'arm64' : 'amd64',
        'kubernetes.io/os': 'linux',
        'kubernetes.io/hostname': name,
        'topology.kubernetes.io/region': region,
        'topology.kubernetes.io/zone': zone,
        ...labels,
      },
    },
    spec: { taints: taints?.map((taint) => ({ ...taint })) },
    status: {
      allocatable: capacity,
      capacity,
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    } as Node['status'],
  };
}
