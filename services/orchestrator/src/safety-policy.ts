import { safety, type chat, type common } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { safetyUnchecked } from './orchestrator.metrics.ts';

export type SafetyClient = Client<typeof safety.SafetyDefinition>;
export type OnTimeout = 'open' | 'closed';

/** What became of the check of a prompt. `unchecked` is never recorded as `checked`. */
export type Verdict =
  | { readonly kind: 'checked' }
  | { readonly kind: 'unchecked' }
  | { readonly kind: 'blocked'; readonly message: string };

export const uncheckedNotice: chat.Notice = Object.freeze({
  code: 'safety_unchecked',
  message: 'A safety check did not answer in time; this was not checked.',
});

const CHECKED: Verdict = Object.freeze({ kind: 'checked' });
const UNCHECKED: Verdict = Object.freeze({ kind: 'unchecked' });

/** Turns a safety service that does not answer into what the policy says: nothing when open, `safety_unavailable` when closed. */
export function applyPolicy(error: unknown, onTimeout: OnTimeout, step: 'check' | 'guard', signal?: AbortSignal): void {
  if (signal?.aborted) throw toFlotillaError(error);
  safetyUnchecked.add(1, { step, policy: onTimeout });
  if (onTimeout === 'closed') throw new FlotillaError('safety_unavailable', undefined, { cause: error });
}

/** Checks what is new in a prompt. Throws `safety_unavailable` when it cannot be checked and the policy is closed. */
export async function checkPrompt(
  client: SafetyClient,
  request: { caller: common.Caller; messages: chat.Message[] },
  onTimeout: OnTimeout,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<Verdict> {
  let response: safety.CheckResponse;
  try {
    response = await client.check(request, { timeoutMs, signal });
  } catch (error) {
    applyPolicy(error, onTimeout, 'check', signal);
    return UNCHECKED;
  }
  if (response.action !== safety.Action.BLOCK) return CHECKED;
  const reason = response.findings.find(({ action }) => action === safety.Action.BLOCK);
  return { kind: 'blocked', message: reason?.message || 'The prompt was refused by a safety rule.' };
}
