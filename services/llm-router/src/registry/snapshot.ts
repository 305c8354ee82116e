import type { Layers } from './layers.ts';
import type { Profile } from './profile.ts';

/** The layers above the engines as they hold together; replaced as one. */
export interface Snapshot extends Layers {
  readonly profile: Profile;
  /** A name for the model in use. */
  readonly loopbackAlias: string | undefined;
}
