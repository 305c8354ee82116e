/** What the cluster says of one pod of a Model: of the leader alone, where a replica is a group of pods. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty: none yet. */
  readonly ip: string;
  /** Of the engine's container. */
  readonly port: number;
  /** Empty: not scheduled yet. */
  readonly node: string;
  /** Of its node, as `<region>/<zone>`; empty: unknown. */
  readonly zone: string;
  /** Pending, Running, Succeeded, Failed, Unknown. */
  readonly phase: string;
  /** Its Ready condition, and since when it has held, milliseconds since 1970. */
  readonly ready: boolean;
  readonly readyAt?: number;
  /** Why no node takes it. */
  readonly unscheduled?: string;
  /** Why a container of it does not run, as the kubelet says it: CrashLoopBackOff, ErrImagePull, ContainerCreating… */
  readonly waiting?: { readonly reason: string; readonly message: string };
  /** Of the engine's container. */
  readonly restarts: number;
  /** How the engine's container ended last. */
  readonly lastEnd?: { readonly reason: string; readonly exitCode: number; readonly message: string };
  /** The cluster is deleting it. */
  readonly deleted: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly revision: string;
  readonly profile: string;
  /** Of the engine's container. */
  readonly image: string;
}
