import type { Clock } from '@flotilla/kernel';
import type { EventRecorder, KubeApi, Pod } from '@flotilla/kubernetes';
import type { BackOffSettings } from '../containers/back-off.ts';
import type { IssueToken } from '../identity/tokens.ts';
import type { Images } from '../images/image.ts';
import type { Sources } from '../volumes/sources.ts';

/** What the pods of this machine share. */
export interface PodWorld {
  api: KubeApi;
  clock: Clock;
  events: EventRecorder;
  images: Images;
  sources: Sources;
  issueToken: IssueToken;
  /** The API server as pods reach it, and the authority of its certificate (PEM). */
  cluster: { url: string; ca: string };
  backOff: BackOffSettings;
  /** Startup and readiness are probed at least this often, milliseconds. */
  probeEveryMs: number | undefined;
  /** Given to the containers of a pod beside what its spec says. */
  environment(pod: Pod): Readonly<Record<string, string>>;
  folders: { pods: string; claims: string; logs: string };
}

/** Every node is this machine. */
export const hostIP = '127.0.0.1';
