import type { chat } from '@flotilla/contracts';
import { rateHeaders } from '../admission/rate-headers.ts';
import type { Turn } from './turns.ts';

/** Characters of a header that tells of the routing. */
const mostShown = 512;

/** What an answer says in its headers, flat as names and values: what is left of the limits, and how it was routed, as far as that is known. */
export function answerHeaders(turn: Turn): string[] {
  return [...rateHeaders(turn.grant.limits), ...routingHeaders(turn.answerer()?.routing)];
}

/** What there is nothing to say of is left out. */
export function routingHeaders(routing: chat.Routing | undefined): string[] {
  if (!routing) return [];
  const headers: string[] = [];
  const say = (name: string, value: string) => {
    if (value !== '') headers.push(`x-flotilla-${name}`, printable(value));
  };
  say('task', routing.task);
  say('policy', routing.policy);
  say('reasons', routing.reasons.join(', '));
  say('experiment', routing.experiment && `${routing.experiment}=${routing.arm}`);
  say('cache', routing.cache);
  say('attempts', routing.attempts > 1 ? String(routing.attempts) : '');
  return headers;
}

/** What a header may hold: names in the configuration may be of any script. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, mostShown);
}
