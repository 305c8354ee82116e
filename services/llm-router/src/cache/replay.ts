import { chat, type common, type router } from '@flotilla/contracts';
import { endSpan, startSpan, recordsSpans, type Span } from '@flotilla/telemetry';
import type { GenerateEvents, Plan } from '../generation/plan.ts';
import { asPiece } from './tool-calls.ts';
import type { CacheKind } from './cache-use.ts';
import type { KeptAnswer, KeptChoice } from './kept-answer.ts';

type Event = router.GenerateEvent;

/** UTF-16 units of a piece, about what five tokens hold; ends at the next space. */
const pieceLength = 24;
/** Pieces of one event: what one read from an engine that is quick brings. */
const piecesOfEvent = 16;
const ended = { done: true, value: undefined } as const;

/** Nothing ran, so nothing was used: a replay costs its client nothing. */
const noUsage: common.Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false };

/** A kept answer, said again: in pieces to who wants a stream, else whole. */
export class Replay implements GenerateEvents {
  readonly #events: Event[];
  #span: Span | undefined;

  constructor(plan: Plan, kind: CacheKind, answer: KeptAnswer) {
    this.#events = eventsOf(plan, kind, answer);
    if (!recordsSpans()) return;
    const { name } = plan.resolution;
    const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': name, 'flotilla.cache': kind };
    this.#span = startSpan(`chat ${name}`, attributes);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): ReturnType<GenerateEvents['next']> {
    const value = this.#events.shift();
    if (value) return Promise.resolve({ done: false, value });
    return this.return();
  }

  return(): ReturnType<GenerateEvents['next']> {
    this.#events.length = 0;
    if (this.#span) endSpan(this.#span);
    this.#span = undefined;
    return Promise.resolve(ended);
  }
}

function eventsOf({ request, resolution, routing }: Plan, kind: CacheKind, answer: KeptAnswer): Event[] {
  const { provider, systemFingerprint } = answer;
  const answerer = {
    ...{ model: resolution.name, provider, endpoint: '', systemFingerprint, price: undefined },
    routing: { ...routing, cache: kind },
  };
  const pieces = answer.choices.flatMap(request.stream ? streamed : whole);
  const events: Event[] = [{ event: { $case: 'answerer', value: answerer } }];
  const size = request.stream ? piecesOfEvent : pieces.length;
  for (let at = 0; at < pieces.length; at += size) {
    const choices = pieces.slice(at, at + size);
    // Said with each piece: a client that leaves in between has used nothing either.
    events.push({ event: { $case: 'choices', value: { choices, usage: noUsage } } });
  }
  events.push({ event: { $case: 'finished', value: { usage: noUsage } } });
  return events;
}

function whole({ toolCalls, ...choice }: KeptChoice): chat.Choice[] {
  const toolCallsJson = toolCalls.length > 0 ? JSON.stringify(toolCalls) : '';
  return [chat.Choice.fromPartial({ ...choice, toolCallsJson })];
}

function streamed({ index, role, content, reasoning, refusal, toolCalls, ...end }: KeptChoice): chat.Choice[] {
  const piece = (fields: Partial<chat.Choice>) => chat.Choice.fromPartial({ index, ...fields });
  return [
    piece({ role }),
    ...cut(reasoning).map((text) => piece({ reasoning: text })),
    ...cut(content).map((text) => piece({ content: text })),
    ...cut(refusal).map((text) => piece({ refusal: text })),
    ...(toolCalls.length > 0 ? [piece({ toolCallsJson: asPiece(toolCalls) })] : []),
    piece(end),
  ];
}

/** Pieces that end at a space; a text without spaces is one. */
function cut(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    const space = text.indexOf(' ', from + pieceLength);
    const to = space < 0 ? text.length : space;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}
