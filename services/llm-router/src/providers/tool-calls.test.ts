import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { chat } from '@flotilla/contracts';
import { sse } from '../fake-engine.fixture.ts';
import { adapterFor } from './adapters.ts';
import { Account } from './account.ts';
import type { EngineKind } from '../endpoints/endpoint.ts';
import { dialects } from './dialects/dialects.fixture.ts';
import type { ToolCall } from './dialects/dialect.fixture.ts';
import { ToolCalls } from './tool-calls.ts';

type Delta = { index: number; id?: string; type?: string; function: { name?: string; arguments: string } };

/** What a client of OpenAI makes of the pieces. */
function assembled(choices: readonly chat.Choice[]) {
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const { toolCallsJson } of choices) {
    for (const { index, id, function: piece } of toolCallsJson ? (JSON.parse(toolCallsJson) as Delta[]) : []) {
      const call = (calls[index] ??= { id: id!, name: piece.name!, arguments: '' });
      call.arguments += piece.arguments;
    }
  }
  return calls;
}

function decoded(kind: EngineKind, text: string, cuts: readonly number[] = []): chat.Choice[] {
  const limits = { connectTimeoutMs: 1, firstTokenTimeoutMs: 1, idleTimeoutMs: 1, totalTimeoutMs: 1 };
  const facts = { id: 'e', provider: 'p', kind, baseUrl: 'http://e', ready: true, models: [], waiting: 0, since: 0 };
  const decoder = adapterFor(facts, new Account(undefined, limits)).answer(true, (said) => said);
  const choices: chat.Choice[] = [];
  const bytes = Buffer.from(text);
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  [0, ...places].forEach((start, i) => decoder.write(bytes.subarray(start, places[i] ?? bytes.length), choices));
  decoder.end(choices);
  return choices;
}

const input = fc
  .dictionary(fc.constantFrom('city', 'a', 'π'), fc.oneof(fc.string({ maxLength: 12 }), fc.integer(), fc.boolean()))
  .map((fields) => JSON.stringify({ ...fields }));
const calls: fc.Arbitrary<ToolCall[]> = fc.array(fc.record({ name: fc.constantFrom('weather', 'time'), input }), {
  minLength: 1,
  maxLength: 4,
});
const pieces = (text: string, size: number) => text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];

describe('streamed tool calls', () => {
  it.each(dialects)('of $name are the calls that were made, however they are cut', ({ provider, words }) => {
    const { kind } = provider as { kind: EngineKind };
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(), { maxLength: 20 }), (made, size, cuts) => {
        const text = words.begin + words.calls(made, (whole) => pieces(whole, size)) + words.end('stop');
        const choices = decoded(kind, text, cuts);
        const found = assembled(choices);
        expect(found.map((call) => ({ name: call.name, input: call.arguments }))).toEqual(
          made.map((call) => ({ name: call.name, input: JSON.stringify(JSON.parse(call.input)) })),
        );
        expect(new Set(found.map(({ id }) => id)).size).toBe(made.length);
        expect(choices.at(-1)!.finishReason).toBe('tool_calls');
      }),
      { numRuns: 60 },
    );
  });

  type Row = { index?: number; id?: string; function: { name?: string; arguments: unknown } };
  /** How servers that speak nearly as OpenAI does send two calls, of which the first has two pieces. */
  const nearly: Record<string, Row[]> = {
    'an id made anew for each piece': [
      { index: 0, id: 'x1', function: { name: 'f', arguments: '' } },
      { index: 0, id: 'x2', function: { arguments: '{"a"' } },
      { index: 0, id: 'x3', function: { arguments: ':1}' } },
      { index: 1, id: 'x4', function: { name: 'f', arguments: '{}' } },
    ],
    'the index 0 for every whole call': [
      { index: 0, id: 'a', function: { name: 'f', arguments: '{"a":1}' } },
      { index: 0, id: 'b', function: { name: 'f', arguments: '{}' } },
    ],
    'no index and no id': [
      { function: { name: 'f', arguments: '{"a"' } },
      { function: { arguments: ':1}' } },
      { function: { name: 'f', arguments: '{}' } },
    ],
    'the name with each piece': [
      { index: 0, function: { name: 'f', arguments: '{"a"' } },
      { index: 0, function: { name: 'f', arguments: ':1}' } },
      { index: 0, function: { name: 'f', arguments: '{}' } },
    ],
    'the id with each piece and no index': [
      { id: 'a', function: { name: 'f', arguments: '{"a"' } },
      { id: 'b', function: { name: 'f', arguments: '{}' } },
      { id: 'a', function: { name: 'f', arguments: ':1}' } },
    ],
    'arguments as an object': [
      { function: { name: 'f', arguments: { a: 1 } } },
      { function: { name: 'f', arguments: {} } },
    ],
  };

  it.each(Object.entries(nearly))('come out right from a server that sends %s', (_how, rows) => {
    const chunk = (row: object) => sse({ choices: [{ index: 0, delta: { tool_calls: [row] } }] });
    const end = sse({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) + sse('[DONE]');
    const choices = decoded('openai', rows.map(chunk).join('') + end);
    expect(assembled(choices)).toEqual([
      { id: expect.any(String), name: 'f', arguments: '{"a":1}' },
      { id: expect.any(String), name: 'f', arguments: '{}' },
    ]);
    expect(choices.at(-1)!.finishReason).toBe('tool_calls');
  });

  it('of a type of the provider’s own are passed on as they are', () => {
    const row = { index: 0, id: 'a', type: 'custom', custom: { name: 'grep', input: 'x' } };
    const harmonised = new ToolCalls();
    expect(JSON.parse(harmonised.deltas([row]))).toEqual([row]);
    expect(harmonised.finish('stop')).toBe('tool_calls');
  });
});
