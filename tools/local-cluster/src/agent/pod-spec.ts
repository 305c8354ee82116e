import type { Pod } from '@flotilla/kubernetes';

/** The fields of a pod's spec that the agent acts on; what is not here is left to the scheduler or has no meaning for processes. */
export interface PodSpec {
  nodeName?: string;
  restartPolicy?: RestartPolicy;
  terminationGracePeriodSeconds?: number;
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  initContainers?: ContainerSpec[];
  containers: ContainerSpec[];
  volumes?: VolumeSpec[];
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface ContainerSpec {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  env?: EnvVariable[];
  envFrom?: { prefix?: string; configMapRef?: SourceReference; secretRef?: SourceReference }[];
  ports?: { name?: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string; subPath?: string; subPathExpr?: string }[];
  resources?: Resources;
  startupProbe?: ProbeSpec;
  readinessProbe?: ProbeSpec;
  livenessProbe?: ProbeSpec;
  lifecycle?: { preStop?: HandlerSpec };
  /** Of an init container: `Always` makes it a sidecar. */
  restartPolicy?: RestartPolicy;
  terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError';
}

export interface Resources {
  limits?: Record<string, string>;
  requests?: Record<string, string>;
}

export interface SourceReference {
  name: string;
  optional?: boolean;
}

export interface FieldReference {
  fieldPath: string;
}

export interface ResourceFieldReference {
  containerName?: string;
  resource: string;
  divisor?: string;
}

export interface EnvVariable {
  name: string;
  value?: string;
  valueFrom?: {
    configMapKeyRef?: SourceReference & { key: string };
    secretKeyRef?: SourceReference & { key: string };
    fieldRef?: FieldReference;
    resourceFieldRef?: ResourceFieldReference;
  };
}

export interface HandlerSpec {
  exec?: { command: string[] };
  httpGet?: {
    path?: string;
    port: number | string;
    host?: string;
    scheme?: string;
    httpHeaders?: { name: string; value: string }[];
  };
  tcpSocket?: { port: number | string; host?: string };
  grpc?: { port: number; service?: string };
  sleep?: { seconds: number };
}

export interface ProbeSpec extends HandlerSpec {
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  terminationGracePeriodSeconds?: number;
}

export interface KeyToPath {
  key: string;
  path: string;
}

export interface DownwardItem {
  path: string;
  fieldRef?: FieldReference;
  resourceFieldRef?: ResourceFieldReference;
}

/** What a folder is filled from; several of them in a projected volume. */
export interface VolumeSources {
  configMap?: { name: string; optional?: boolean; items?: KeyToPath[] };
  secret?: { secretName?: string; name?: string; optional?: boolean; items?: KeyToPath[] };
  downwardAPI?: { items?: DownwardItem[] };
  serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number };
}

export interface VolumeSpec extends VolumeSources {
  name: string;
  emptyDir?: unknown;
  persistentVolumeClaim?: { claimName: string };
  projected?: { sources?: VolumeSources[] };
  image?: { reference?: string };
  hostPath?: { path: string };
}

export function specOf(pod: Pod): PodSpec {
  return pod.spec as unknown as PodSpec;
}
