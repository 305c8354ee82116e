/** A program of an image: what runs on this machine when a container calls it by that name. `{ip}` is the pod's address. */
export interface Program {
  file: string;
  /** Words before and after those it is called with. */
  before?: readonly string[];
  after?: readonly string[];
}

/** What stands for a container image on this machine. */
export interface Image {
  /** The repository's last part: `redis` of `docker.io/library/redis:8`. */
  names: readonly string[];
  entrypoint: readonly string[];
  cmd?: readonly string[];
  /** `{ip}` is the pod's address. */
  env?: Readonly<Record<string, string>>;
  programs?: Readonly<Record<string, Program>>;
  /** Folders of this machine on the container's PATH. */
  path?: readonly string[];
  /** Paths of the image that are folders of this machine. */
  folders?: Readonly<Record<string, string>>;
  /** Paths the container may write to without a volume. */
  scratch?: readonly string[];
  workingDir?: string;
  /** Runs as a user of its own when the agent is root. */
  user?: { uid?: number; gid?: number };
  stopSignal?: NodeJS.Signals;
}

export type Images = readonly Image[];

/** Undefined: no image of that name is known. */
export function findImage(images: Images, reference: string): Image | undefined {
  const repository = reference.replace(/@.*$/, '').split('/').at(-1)!.replace(/:.*$/, '');
  return images.find(({ names }) => names.includes(repository));
}
