import { createSlots } from '@flotilla/kernel';
import { run, type Outcome } from './command.ts';
import { failureOf } from './failures.ts';
import { findHelm } from './helm-binary.ts';
import {
  HelmError,
  type Helm,
  type HelmCall,
  type ReleaseSpec,
  type ReleaseStatus,
  type Values,
  type WaitOptions,
} from './helm.ts';
import { parseManifests } from './manifests.ts';
import { parseStatus } from './release-status.ts';
import { withWorkspace } from './workspace.ts';

/** Commands that run at once: rendering is CPU, and each is a process. The others wait. */
const atOnce = 2;
/** Deadlines when the caller names none: of what only reads or renders, and of what changes a cluster. */
const readTimeoutMs = 30_000;
const changeTimeoutMs = 300_000;
/** The Kubernetes that charts are rendered for when nobody says: a helm that was not built by its project takes 1.20. */
const kubernetesVersion = '1.34.0';

export interface HelmOptions {
  /** Absent: FLOTILLA_HELM, the tools folder, the PATH. */
  readonly binary?: string;
  /** Absent: KUBECONFIG, or the pod's own identity. */
  readonly kubeconfig?: string;
  /** Added to this process's environment. HELM_* of this process are not passed on. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Helm by its command line. Values travel in a file of mode 600 that is gone afterwards, never in arguments; at most two
 * commands run at once. A command ends by its deadline (30 s for what reads, 5 min for what changes) or its signal.
 */
export function createHelm({ binary = findHelm(), kubeconfig, env = {} }: HelmOptions = {}): Helm {
  const slots = createSlots(atOnce);
  const cluster = kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig];

  return {
    async template({ release, namespace, chart, values }, call = {}) {
      const { kubeVersion = kubernetesVersion, apiVersions = [] } = call;
      const flags = [
        ...['--namespace', namespace],
        ...['--kube-version', kubeVersion],
        ...apiVersions.flatMap((version) => ['--api-versions', version]),
      ];
      const { stdout } = await done(['template', ...flags], [release, chart], call, values);
      return parseManifests(stdout);
    },
    async lint(chart, values, call = {}) {
      const outcome = await command(['lint', '--kube-version', kubernetesVersion], [chart], call, values);
      const said = `${outcome.stdout}\n${outcome.stderr.join('\n')}`.split('\n');
      const messages = said.filter((line) => /^\[(INFO|WARNING|ERROR)\] /.test(line));
      if (outcome.code !== 0 && messages.length === 0) throw failureOf(outcome.stderr);
      return { ok: outcome.code === 0, messages };
    },
    install: (spec, options) => change(['install'], spec, options),
    upgrade: (spec, options) => change(['upgrade', ...(options?.install ? ['--install'] : [])], spec, options),
    async rollback({ release, namespace, revision }, options = {}) {
      const flags = [...inNamespace(namespace), ...waiting({ ...options, atomic: false })];
      await done(
        ['rollback', ...flags],
        [release, ...(revision === undefined ? [] : [String(revision)])],
        changing(options),
      );
      return (await status({ release, namespace }, options.signal && { signal: options.signal })) ?? gone(release);
    },
    async uninstall({ release, namespace }, options = {}) {
      await done(
        ['uninstall', ...inNamespace(namespace), ...waiting({ ...options, atomic: false })],
        [release],
        changing(options),
      );
    },
    status,
    async version(call = {}) {
      const { stdout } = await done(['version', '--template', '{{.Version}}'], [], call);
      return stdout.trim();
    },
  };

  async function status(
    { release, namespace }: { release: string; namespace: string },
    call: HelmCall = {},
  ): Promise<ReleaseStatus | undefined> {
    const outcome = await command(['status', ...inNamespace(namespace), '--output', 'json'], [release], call);
    if (outcome.code === 0) return parseStatus(outcome.stdout);
    const failure = failureOf(outcome.stderr);
    if (failure.kind === 'not_found') return undefined;
    throw failure;
  }

  async function change(verb: string[], spec: ReleaseSpec, options: WaitOptions = {}): Promise<ReleaseStatus> {
    const flags = [
      ...inNamespace(spec.namespace),
      ...['--output', 'json'],
      ...waiting(options),
      ...(options.createNamespace ? ['--create-namespace'] : []),
    ];
    const { stdout } = await done([...verb, ...flags], [spec.release, spec.chart], changing(options), spec.values);
    return parseStatus(stdout);
  }

  function inNamespace(namespace: string): string[] {
    return ['--namespace', namespace, ...cluster];
  }

  async function done(flags: string[], names: string[], call: HelmCall, values?: Values): Promise<Outcome> {
    const outcome = await command(flags, names, call, values);
    if (outcome.code === 0) return outcome;
    throw failureOf(outcome.stderr);
  }

  /** Deadline and signal count from here: a command that waits for its turn is late as well. */
  async function command(flags: string[], names: string[], call: HelmCall, values?: Values): Promise<Outcome> {
    if (binary === undefined) throw new HelmError('not_installed', notInstalled);
    const timeoutMs = call.timeoutMs ?? readTimeoutMs;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = call.signal ? AbortSignal.any([deadline, call.signal]) : deadline;
    try {
      return await slots.run(signal, () =>
        withWorkspace(async (workspace) => {
          const valueFlags = values === undefined ? [] : ['--values', await workspace.valuesFile(values)];
          // After --, no name can be taken for a flag.
          const args = [...flags, ...valueFlags, '--', ...names];
          const whole = { ...ownEnvironment(), ...workspace.env, ...env };
          return run({ binary, args, env: whole, signal, ...(call.onLine && { onLine: call.onLine }) });
        }),
      );
    } catch (error) {
      if (error instanceof HelmError) throw error;
      if (call.signal?.aborted) throw new HelmError('cancelled', `helm ${flags[0]} was cancelled`);
      if (deadline.aborted) throw new HelmError('timeout', `helm ${flags[0]} took longer than ${timeoutMs} ms`);
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new HelmError('not_installed', notInstalled);
      throw error;
    }
  }
}

const notInstalled = 'helm is missing: run make tools, put it on the PATH, or name it with FLOTILLA_HELM';

function gone(release: string): never {
  throw new HelmError('not_found', `release ${release} is gone`);
}

/** Its own messages beat a kill: helm gives up earlier, and an atomic change takes as long again to undo. */
function waiting({ timeoutMs = changeTimeoutMs, wait, atomic, onLine }: WaitOptions): string[] {
  const seconds = Math.max(1, Math.floor((timeoutMs * (atomic ? 0.4 : 0.8)) / 1_000));
  return [
    ...['--timeout', `${seconds}s`],
    ...(wait ? ['--wait'] : []),
    ...(atomic ? ['--atomic'] : []),
    // What it waits for is told only so.
    ...(onLine ? ['--debug'] : []),
  ];
}

function changing(options: HelmCall): HelmCall {
  return { timeoutMs: changeTimeoutMs, ...options };
}

function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HELM_')));
}
