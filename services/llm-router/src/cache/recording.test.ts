import { describe, expect, it } from '@jest/globals';
import type { chat, router } from '@flotilla/contracts';
import fc from 'fast-check';
import { answerer, pieces, plan, says } from './cache.fixture.ts';
import { isCommon, type KeptAnswer } from './kept-answer.ts';
import { Recording } from './recording.ts';
import { Replay } from './replay.ts';

type Event = NonNullable<router.GenerateEvent['event']>;
const usage = { promptTokens: 3, completionTokens: 9, cachedTokens: 0, estimated: false };

function record(events: readonly Event[], maxLength = 1_000): KeptAnswer | undefined {
  const recording = new Recording(maxLength);
  for (const event of events) recording.hear(event);
  return recording.whole(usage);
}

async function replayed(answer: KeptAnswer, stream: boolean): Promise<Event[]> {
  const events: Event[] = [];
  for await (const { event } of new Replay(plan({ stream }), 'exact', answer)) events.push(event!);
  return events;
}

const choicesOf = (events: readonly Event[]): chat.Choice[] =>
  events.flatMap((event) => (event.$case === 'choices' ? event.value.choices : []));

describe('a kept answer', () => {
  it('is the same, however it came in pieces and whether it is said in pieces or at once', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\n', '日', '😀', '"'), maxLength: 80 });
    const choice = fc.record({
      content: fc.array(text, { maxLength: 5 }),
      reasoning: fc.array(text, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(choice, { minLength: 1, maxLength: 3 }), fc.boolean(), async (choices, stream) => {
        const came = choices.flatMap(({ content, reasoning }, index) => [
          pieces({ index, role: 'assistant' }),
          ...reasoning.map((said) => pieces({ index, reasoning: said })),
          ...content.map((said) => pieces({ index, content: said })),
          pieces({ index, finishReason: 'stop' }),
        ]);
        const answer = record([answerer(), ...came], 10_000)!;
        const again = record(await replayed(answer, stream), 10_000)!;
        expect(again).toEqual(answer);
        expect(again.choices.map((one) => one.content)).toEqual(choices.map(({ content }) => content.join('')));
        expect(again.choices.map((one) => one.reasoning)).toEqual(choices.map(({ reasoning }) => reasoning.join('')));
      }),
    );
  });

  it('is said in pieces to who wants a stream, at once to who does not, and costs neither anything', async () => {
    const answer = record([...says('one two three four five six seven eight nine ten eleven twelve')])!;
    const [streamed, whole] = [await replayed(answer, true), await replayed(answer, false)];
    expect(choicesOf(streamed).filter(({ content }) => content !== '').length).toBeGreaterThan(2);
    expect(choicesOf(whole)).toHaveLength(1);
    for (const events of [streamed, whole]) {
      expect(events[0]).toMatchObject({
        $case: 'answerer',
        value: { provider: 'p', endpoint: '', routing: { cache: 'exact' } },
      });
      const nothing = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false };
      expect(events.at(-1)).toEqual({ $case: 'finished', value: { usage: nothing } });
      for (const event of events) if (event.$case === 'choices') expect(event.value.usage).toEqual(nothing);
    }
  });

  it('ended by a stop sequence ends by it again', async () => {
    const answer = record([answerer(), pieces({ content: 'a', finishReason: 'stop', stopSequence: 'END' })])!;
    for (const stream of [true, false]) {
      expect(choicesOf(await replayed(answer, stream)).at(-1)).toMatchObject({
        ...{ finishReason: 'stop', stopSequence: 'END' },
      });
    }
  });

  it('has no more pieces than the engine had tokens for', async () => {
    const answer = record([...says('a b c d e f g h i j k l m n o p q r s t u v w x y z')])!;
    expect(choicesOf(await replayed(answer, true)).filter(({ content }) => content !== '').length).toBeLessThanOrEqual(
      26 / 5,
    );
  });

  const piece = (...calls: object[]) => pieces({ toolCallsJson: JSON.stringify(calls) });
  const called = [
    { id: 'c1', type: 'function', function: { name: 'one', arguments: '{"a":1}' } },
    { id: 'c2', type: 'function', function: { name: 'two', arguments: '{}' } },
  ];

  it('has whole tool calls, from pieces as from whole ones', async () => {
    const streamed = record([
      answerer(),
      piece({ index: 0, id: 'c1', type: 'function', function: { name: 'one', arguments: '' } }),
      piece({ index: 0, function: { arguments: '{"a"' } }),
      piece({ index: 1, id: 'c2', type: 'function', function: { name: 'two', arguments: '{}' } }),
      piece({ index: 0, id: null, function: { name: '', arguments: ':1}' } }),
      pieces({ finishReason: 'tool_calls' }),
    ])!;
    const whole = record([answerer(), piece(...called), pieces({ finishReason: 'tool_calls' })])!;
    expect(streamed.choices[0]!.toolCalls).toEqual(called);
    expect(whole.choices[0]!.toolCalls).toEqual(called);
    const asPieces = choicesOf(await replayed(streamed, true)).find((one) => one.toolCallsJson !== '')!;
    expect(JSON.parse(asPieces.toolCallsJson)).toEqual(called.map((call, index) => ({ index, ...call })));
    expect(JSON.parse(choicesOf(await replayed(streamed, false))[0]!.toolCallsJson)).toEqual(called);
    expect(isCommon(streamed)).toBe(false);
  });

  it.each<[string, readonly Event[]]>([
    ['was filtered', [answerer(), pieces({ content: 'a', finishReason: 'content_filter' })]],
    ['has a choice without an end', [answerer(), pieces({ finishReason: 'stop' }, { index: 1, content: 'b' })]],
    ['says who answers only', [answerer()]],
    ['does not say who answers', [pieces({ content: 'a', finishReason: 'stop' })]],
    ['came with a notice', [{ $case: 'notice', value: { code: 'failed_over', message: '' } }, ...says('a')]],
    ['failed', [...says('a'), { $case: 'failure', value: { code: 'internal', message: '' } }]],
    ['shows the odds of its tokens', [answerer(), pieces({ content: 'a', logprobsJson: '{}', finishReason: 'stop' })]],
    ['has tool calls that cannot be read', [answerer(), pieces({ toolCallsJson: '{', finishReason: 'stop' })]],
    ['is too long', says('a'.repeat(1_001))],
  ])('is none that %s', (_, events) => {
    expect(record(events)).toBeUndefined();
  });

  it.each([
    ['stop', true],
    ['length', false],
  ])('that ended by %s may stand for other questions: %s', (reason, common) => {
    expect(isCommon(record(says('a', reason))!)).toBe(common);
  });
});
