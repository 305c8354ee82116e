import type { chat, common, orchestrator } from '@flotilla/contracts';
import { FlotillaError, isErrorCode } from '@flotilla/kernel';
import type { Extras } from './chunks.ts';
import type { Turn } from './turns.ts';

export const noUsage: common.Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false };

/** A whole answer, before any API's shape. */
export interface Answer {
  /** By index; at least one. */
  readonly choices: readonly chat.Choice[];
  readonly usage: common.Usage;
  /** Who answered; the model that was asked for when nobody said. */
  readonly model: string;
  readonly systemFingerprint: string;
  readonly extras: Extras;
}

/** Reads a turn to its end. Throws when it failed, or ended without an end: half an answer is never shown as a whole one. */
export async function collectAnswer({ body, events }: Turn): Promise<Answer> {
  const choices: chat.Choice[] = [];
  const extras = newExtras(body.conversationId);
  let answerer: chat.Answerer | undefined;
  let usage: common.Usage | undefined;
  for await (const { event } of events) {
    switch (event?.$case) {
      case 'choices':
        for (const choice of event.value.choices) merge(choices, choice);
        break;
      case 'finished':
        usage = event.value.usage ?? noUsage;
        break;
      case 'answerer':
        answerer = event.value;
        break;
      case 'failure':
        throw failureOf(event.value);
      default:
        collectExtra(event, extras);
    }
  }
  if (!usage) throw endedEarly();
  return {
    choices: choices.sort((a, b) => a.index - b.index),
    ...{ usage, extras, model: answerer?.model || body.model, systemFingerprint: answerer?.systemFingerprint ?? '' },
  };
}

/** What an answer carries beside its choices, as far as it is known. */
export type GrowingExtras = Extras & { citations: chat.Citation[]; notices: chat.Notice[] };

/** What is known before the first event. */
export function newExtras(conversationId: string): GrowingExtras {
  return { conversationId, citations: [], notices: [] };
}

/** Takes citations and notices out of an event; other events say nothing here. */
export function collectExtra(event: orchestrator.ChatEvent['event'], extras: GrowingExtras): void {
  if (event?.$case === 'citations') extras.citations.push(...event.value.citations);
  else if (event?.$case === 'notice') extras.notices.push(event.value);
}

export function failureOf({ code, message }: chat.Failure): FlotillaError {
  return new FlotillaError(isErrorCode(code) ? code : 'internal', message || undefined);
}

export function endedEarly(): FlotillaError {
  return new FlotillaError('engine_error', 'The answer ended before it was complete.');
}

/** Choices arrive whole, yet a guard may release one in pieces: texts of one index add up. */
function merge(choices: chat.Choice[], next: chat.Choice): void {
  const at = choices.findIndex(({ index }) => index === next.index);
  const before = choices[at];
  if (!before) {
    choices.push(next);
    return;
  }
  choices[at] = {
    index: before.index,
    role: before.role || next.role,
    content: before.content + next.content,
    reasoning: before.reasoning + next.reasoning,
    refusal: before.refusal + next.refusal,
    toolCallsJson: next.toolCallsJson || before.toolCallsJson,
    logprobsJson: next.logprobsJson || before.logprobsJson,
    finishReason: next.finishReason || before.finishReason,
    stopSequence: next.stopSequence || before.stopSequence,
    extraJson: next.extraJson || before.extraJson,
  };
}
