import { createHash, type Hash } from 'node:crypto';
import type { chat } from '@flotilla/contracts';
import type { ProviderConfig } from '@flotilla/kernel';
import type { Plan } from '../generation/plan.ts';
import type { Resolution } from '../registry/registry.ts';
import { canonicalParameters } from './canonical-json.ts';

/** A change of what is digested, or of how answers are stored, makes all that was kept before unfindable. */
const FORMAT = 1;

/** Digests that stand for a request. Both begin with the organisation: no two organisations ever have one in common. */
export interface AnswerKey {
  /** Of everything that may change the answer. */
  readonly exact: string;
  /** The same without the last message, and with what must be the same beside it for another question to have this answer. */
  scope(facts: string): string;
}

/** Undefined: the request is not one that can be kept (its parameters are not valid JSON). */
export function answerKey(
  { request, resolution, routing }: Plan,
  providers: readonly ProviderConfig[],
): AnswerKey | undefined {
  const parameters = canonicalParameters(request.parametersJson);
  const last = request.messages.at(-1);
  if (parameters === undefined || !last) return undefined;
  const hash = createHash('sha256');
  write(hash, [
    ...[FORMAT, request.caller?.orgId, resolution.name, sources(resolution, providers)],
    ...[routing.experiment, routing.arm, request.maxTokens, parameters],
    request.messages.slice(0, -1).map(fields),
  ]);
  return {
    exact: digest(write(hash.copy(), ['exact', fields(last)])),
    scope: (facts) => digest(write(hash.copy(), ['semantic', facts])),
  };
}

/** JSON texts of arrays, one after another, can be read in one way only. */
function write(hash: Hash, parts: readonly unknown[]): Hash {
  return hash.update(JSON.stringify(parts));
}

const digest = (hash: Hash) => hash.digest('base64url');

function fields({ role, content, partsJson, name, toolCallId, toolCallsJson }: chat.Message): string[] {
  return [role, content, partsJson, name, toolCallId, toolCallsJson];
}

/**
 * Whom the answer comes from: what one provider said is not the answer of another, and a model or a provider whose entry was
 * changed is another one. Not what is up just now, since an engine that restarts says the same.
 */
function sources({ entry, routes }: Resolution, providers: readonly ProviderConfig[]): unknown[] {
  const targets = routes.flatMap((route) => route.targets);
  const named = new Set([
    ...(entry?.targets.map(({ provider }) => provider) ?? []),
    ...targets.map(({ endpoint }) => endpoint.facts.provider),
  ]);
  return [
    entry ?? [...new Set(targets.map(({ model }) => model))].sort(),
    [...named].sort(),
    providers.filter(({ name }) => named.has(name)),
  ];
}
