import type { Clock } from '@flotilla/kernel';
import type { Pod } from '@flotilla/kubernetes';
import { kubeconfigText } from '../../control-plane/kubeconfig.ts';
import { specOf } from '../pod-spec.ts';
import type { Files } from '../volumes/atomic-folder.ts';
import type { IssuedToken, IssueToken } from './tokens.ts';

/** The lifetime kubelet asks for where a pod says nothing. */
const defaultLifetimeSeconds = 3_607;
/** Of a token's lifetime, after which kubelet takes a new one. */
const renewAfter = 0.8;

/** Who a pod is to the API server: the tokens of its service account. */
export class PodIdentity {
  readonly #pod: Pod;
  readonly #clock: Clock;
  readonly #issue: IssueToken;
  readonly #tokens = new Map<string, IssuedToken & { renewAt: number }>();

  constructor(pod: Pod, clock: Clock, issue: IssueToken) {
    this.#pod = pod;
    this.#clock = clock;
    this.#issue = issue;
  }

  /** When the first of its tokens wants to be renewed, milliseconds since 1970. */
  get renewAt(): number {
    return Math.min(...[...this.#tokens.values()].map(({ renewAt }) => renewAt));
  }

  async token(audience: string | undefined, signal: AbortSignal, lifetimeSeconds = defaultLifetimeSeconds) {
    const key = `${audience ?? ''} ${lifetimeSeconds}`;
    const now = this.#clock.now();
    const held = this.#tokens.get(key);
    if (held && held.renewAt > now) return held.token;
    const { namespace, name, uid } = this.#pod.metadata;
    const { serviceAccountName } = specOf(this.#pod);
    const issued = await this.#issue(
      {
        ...{ namespace: namespace!, serviceAccount: serviceAccountName ?? 'default', audience, lifetimeSeconds },
        pod: serviceAccountName === undefined ? undefined : { name, uid: uid! },
      },
      signal,
    );
    this.#tokens.set(key, { ...issued, renewAt: now + (issued.expiresAt - now) * renewAfter });
    return issued.token;
  }

  /** What a pod finds at /var/run/secrets/kubernetes.io/serviceaccount, and a kubeconfig of the same identity. */
  async files(cluster: { url: string; ca: string }, folder: string, signal: AbortSignal): Promise<Files> {
    const namespace = this.#pod.metadata.namespace!;
    return {
      token: await this.token(undefined, signal),
      namespace,
      'ca.crt': cluster.ca,
      kubeconfig: kubeconfigText({
        ...{ apiUrl: cluster.url, caFile: `${folder}/ca.crt`, namespace },
        user: { tokenFile: `${folder}/token` },
      }),
    };
  }
}
