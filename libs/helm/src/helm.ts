/** Values of a chart, as in values.yaml. */
export type Values = Readonly<Record<string, unknown>>;

/** A chart and the release it becomes. */
export interface ReleaseSpec {
  readonly release: string;
  readonly namespace: string;
  /** A chart's folder or archive on this machine. */
  readonly chart: string;
  readonly values?: Values;
}

export interface HelmCall {
  readonly signal?: AbortSignal;
  /** Milliseconds until the command is ended. */
  readonly timeoutMs?: number;
  /** Each line that helm writes while it works, standard error too. */
  onLine?(line: string): void;
}

export interface WaitOptions extends HelmCall {
  /** Until what it installed is ready. */
  readonly wait?: boolean;
  /** Undo what was done when it fails. */
  readonly atomic?: boolean;
  readonly createNamespace?: boolean;
}

export interface ReleaseStatus {
  readonly release: string;
  readonly namespace: string;
  readonly revision: number;
  readonly status: string;
  readonly description: string;
  readonly notes: string;
}

export interface LintResult {
  readonly ok: boolean;
  readonly messages: readonly string[];
}

/**
 * The helm CLI. Failures throw HelmError, whose `kind` says what went wrong and whose message is helm's own last words,
 * without values.
 */
export interface Helm {
  /** The rendered manifests, parsed: an object each, in helm's order; hooks included and marked by their annotations. */
  template(
    spec: ReleaseSpec,
    call?: HelmCall & { kubeVersion?: string; apiVersions?: readonly string[] },
  ): Promise<HelmObject[]>;
  lint(chart: string, values?: Values, call?: HelmCall): Promise<LintResult>;
  install(spec: ReleaseSpec, options?: WaitOptions): Promise<ReleaseStatus>;
  upgrade(spec: ReleaseSpec, options?: WaitOptions & { install?: boolean }): Promise<ReleaseStatus>;
  /** `revision`: absent: the one before. */
  rollback(
    release: { release: string; namespace: string; revision?: number },
    options?: WaitOptions,
  ): Promise<ReleaseStatus>;
  uninstall(release: { release: string; namespace: string }, options?: WaitOptions): Promise<void>;
  /** Undefined: there is no such release. */
  status(release: { release: string; namespace: string }, call?: HelmCall): Promise<ReleaseStatus | undefined>;
  version(call?: HelmCall): Promise<string>;
}

export interface HelmObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/**
 * not_installed: no helm on this machine; timeout; cancelled; invalid_values: refused by the chart's schema;
 * render: a template is wrong or refuses its values; not_found: no such release; exists: there is one; busy: another
 * command holds the release, or died while it did (roll back to free it); unreachable: the cluster does not answer; refused: the cluster refuses an object; not_ready: installed, but it did not become ready in time;
 * failed: all else.
 */
export type HelmErrorKind =
  | 'not_installed'
  | 'timeout'
  | 'cancelled'
  | 'invalid_values'
  | 'render'
  | 'not_found'
  | 'exists'
  | 'busy'
  | 'unreachable'
  | 'refused'
  | 'not_ready'
  | 'failed';

export class HelmError extends Error {
  readonly kind: HelmErrorKind;
  /** What helm wrote, at most its last 40 lines. */
  readonly output: readonly string[];

  constructor(kind: HelmErrorKind, message: string, output: readonly string[] = []) {
    super(message);
    this.name = 'HelmError';
    this.kind = kind;
    this.output = output;
  }
}
