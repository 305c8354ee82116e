import { envFlag, envList } from '@flotilla/kernel';
import { z } from 'zod';

/** Names of namespaces; `*` alone: all. */
const namespaces = envList.refine(
  (names) => names.every((name) => name === '*' || /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)),
  'name namespaces, e.g. `models,research`, or `*` for all',
);

/** Models of a Kubernetes cluster; part of FLOTILLA_FLEET. */
export const kubernetesSettings = {
  kubernetes: envFlag.prefault('false').describe('whether Models of a Kubernetes cluster are served'),
  kubernetesNamespaces: namespaces
    .prefault('')
    .describe('namespaces whose Models are served; `*`: all; empty: the one of the pod or of the kubeconfig'),
  kubernetesNodes: envFlag
    .prefault('true')
    .describe('whether nodes are watched, a right on the whole cluster: off, faults of GPUs and zones are not seen'),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe('kubeconfig of the cluster; absent: the pod’s own identity, or what kubectl would use'),
  apiCallsPerSecond: z.coerce.number().positive().default(50).describe('most calls a second to the cluster’s API'),
  leaderElection: envFlag
    .prefault('true')
    .describe('off only where there is one controller: two that both act undo each other’s work'),
  identity: z
    .string()
    .min(1)
    .optional()
    .describe('name in the lease of who leads; absent: the host’s and a random part'),
  engineChart: z
    .string()
    .min(1)
    .default('charts/vllm-engine')
    .describe('folder of the chart that engines’ pods are made from'),
  engineImage: z
    .string()
    .min(1)
    .optional()
    .describe('image of engines whose Model names none; absent: the chart’s own'),
  engineArgs: z
    .string()
    .default('')
    .transform((text) => text.split(/\s+/).filter(Boolean))
    .describe(
      'arguments of every engine, before those of its Model, split at blanks, e.g. `--disable-log-requests --seed=1`; what holds blanks itself: in a Model or in the values file',
    ),
  engineValues: z
    .string()
    .min(1)
    .optional()
    .describe(
      'YAML file of values of the engines’ chart that hold for all Models, e.g. pull secrets. A change of it is a new version of each Model',
    ),
  gpuFaultTaints: envList
    .prefault('nvidia.com/gpu*unhealthy*,nvidia.com/gpu*fault*,nvidia.com/xid*,amd.com/gpu*unhealthy*,gpu-health*')
    .describe('keys of taints of nodes whose GPUs are not to be trusted; `*` stands for anything'),
  gpuFaultConditions: envList
    .prefault('Xid*,SysLogsXIDError,GpuUnhealthy,GPUMissing,GpuHardwareFailure,Gpu*Watch,!AcceleratedHardwareReady')
    .describe('conditions that say so of a node by being True, or with `!` before by being False'),
};

export const kubernetesSettingsSchema = z.object(kubernetesSettings);

export type KubernetesSettings = z.output<typeof kubernetesSettingsSchema>;
