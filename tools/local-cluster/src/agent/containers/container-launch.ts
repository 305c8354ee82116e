import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Pod } from '@flotilla/kubernetes';
import { findImage, type Image, type Images } from '../images/image.ts';
import type { ContainerSpec } from '../pod-spec.ts';
import { createPathRewriter, type Mount } from '../volumes/mounts.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { Sources } from '../volumes/sources.ts';
import { onOwnAddress } from './any-address.ts';
import type { PodPlace } from './downward.ts';
import { environmentOf } from './environment.ts';
import { expand } from './expansion.ts';
import type { ProcessPlan } from './process.ts';

/** What a container of a pod is made from. */
export interface LaunchSetting {
  images: Images;
  sources: Sources;
  volumes: PodVolumes;
  place: PodPlace;
  /** The pod's own folder. */
  folder: string;
  /** Where the pod's identity lies; absent: it has none. */
  identity: string | undefined;
  /** Given to every container beside what its spec says: where the API server is, how names resolve. */
  env: Readonly<Record<string, string>>;
}

/** Why a container does not start, as kubelet names it. */
export class LaunchProblem extends Error {
  readonly reason: 'ErrImagePull' | 'CreateContainerConfigError';

  constructor(reason: LaunchProblem['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Launch {
  plan: ProcessPlan;
  stopSignal: NodeJS.Signals;
  /** Writes a command of a probe or hook as the container would see it. */
  planFor(command: readonly string[]): ProcessPlan;
}

const identityPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The process of a container. Throws LaunchProblem. */
export function launchOf(pod: Pod, container: ContainerSpec, setting: LaunchSetting): Launch {
  const image = findImage(setting.images, container.image);
  if (!image) {
    const message = `failed to pull and unpack image "${container.image}": not found (the local cluster knows no such image)`;
    throw new LaunchProblem('ErrImagePull', message);
  }
  try {
    return launch(pod, container, image, setting);
  } catch (error) {
    throw new LaunchProblem('CreateContainerConfigError', error instanceof Error ? error.message : String(error));
  }
}

function launch(pod: Pod, container: ContainerSpec, image: Image, setting: LaunchSetting): Launch {
  const { place, sources, volumes, identity } = setting;
  const folder = path.join(setting.folder, 'containers', container.name);
  const withAddress = (text: string) => text.replaceAll('{ip}', place.podIP);
  const given = { ...mapped(image.env ?? {}, withAddress), HOSTNAME: pod.metadata.name, ...setting.env };
  const variables = environmentOf(pod, container, place, sources, given);
  const scratch = (image.scratch ?? []).map((name): Mount => ({
    path: name,
    real: path.join(folder, 'scratch', name),
  }));
  const mounted = volumes.mountsOf(pod, container, variables);
  const mounts: Mount[] = [
    ...Object.entries(image.folders ?? {}).map(([name, real]): Mount => ({ path: name, real })),
    ...scratch,
    ...(identity === undefined ? [] : [{ path: identityPath, real: identity }]),
    ...mounted,
  ];
  for (const { real } of scratch) mkdirSync(real, { recursive: true });
  const home = path.join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const { uid, gid } = image.user ?? {};
  if (uid !== undefined) for (const { real } of [...scratch, ...mounted]) chownSync(real, uid, gid!);

  const withPaths = createPathRewriter(mounts);
  const rewrite = (text: string) => onOwnAddress(withPaths(text), place.podIP);
  const inContainer = (word: string) => rewrite(expand(word, variables));
  const temporary = rewrite('/tmp');
  const env: Record<string, string> = {
    HOME: home,
    ...(identity === undefined ? {} : { KUBECONFIG: path.join(identity, 'kubeconfig') }),
    ...(temporary === '/tmp' ? {} : { TMPDIR: temporary }),
    ...mapped(variables, rewrite),
    PATH: [writePrograms(image, folder, withAddress), ...(image.path ?? []), hostPath()].join(path.delimiter),
  };
  // What the spec says of NODE_OPTIONS comes beside what the cluster needs there, not instead.
  const options = [setting.env['NODE_OPTIONS'], variables['NODE_OPTIONS']].filter(Boolean);
  if (options.length > 0) env['NODE_OPTIONS'] = [...new Set(options)].join(' ');

  const workingDir = container.workingDir ?? image.workingDir;
  const cwd = workingDir === undefined ? home : rewrite(workingDir);
  const words = container.command
    ? [...container.command, ...(container.args ?? [])]
    : [...image.entrypoint, ...(container.args ?? image.cmd ?? [])];
  const planFor = (command: readonly string[]) => ({ command: command.map(inContainer), env, cwd, uid, gid });
  return { plan: planFor(words), stopSignal: image.stopSignal ?? 'SIGTERM', planFor };
}

/** A folder of scripts, one per program of the image. */
function writePrograms(image: Image, folder: string, withAddress: (text: string) => string): string {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const [name, { file, before = [], after = [] }] of Object.entries(image.programs ?? {})) {
    const words = [...[file, ...before].map(quoted), '"$@"', ...after.map(withAddress).map(quoted)];
    const script = path.join(bin, name);
    writeFileSync(script, `#!/bin/sh\nexec ${words.join(' ')}\n`);
    chmodSync(script, 0o755);
  }
  return bin;
}

const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`;

const hostPath = () => [path.dirname(process.execPath), process.env['PATH'] ?? '/usr/bin:/bin'].join(path.delimiter);

function mapped(map: Readonly<Record<string, string>>, write: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, write(value)]));
}
