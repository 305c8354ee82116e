import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import fc from 'fast-check';
import { recentImages, recentTurns, withoutThoughts } from './history.ts';
import { lastTurn, turnNumbers } from './turns.ts';

const say = (role: string, content = role, more: Partial<chat.Message> = {}) =>
  chat.Message.fromPartial({ role, content, ...more });
const picture = (name: string) => ({ type: 'image_url', image_url: { url: `https://example.com/${name}` } });
const show = (name: string) =>
  say('user', name, { partsJson: JSON.stringify([{ type: 'text', text: name }, picture(name)]) });
const texts = (messages: readonly chat.Message[]) => messages.map(({ content }) => content);

describe('the history of a vision model', () => {
  const messages = [say('system'), show('a'), say('assistant'), show('b'), say('assistant'), say('user', 'and now?')];

  it('keeps the images of the turns that had one last, and the text of all', () => {
    const { messages: kept, removed } = recentImages(messages, 1);
    expect(removed).toBe(1);
    expect(texts(kept)).toEqual([
      ...['system', 'a\n[image removed: only those of the last turns are kept]', 'assistant'],
      ...['b', 'assistant', 'and now?'],
    ]);
    expect(kept[1]!.partsJson).toBe('');
    expect(kept[3]).toBe(messages[3]);
  });

  it('always keeps the images of the current turn', () => {
    const current = [...messages.slice(0, 3), show('c'), show('d')];
    const { messages: kept, removed } = recentImages(current, 0);
    expect(removed).toBe(1);
    expect(kept.slice(3)).toEqual(current.slice(3));
  });

  it('is left alone where no more turns have images than may', () => {
    expect(recentImages(messages, 2)).toEqual({ messages, removed: 0 });
  });
});

describe('the history of a reasoning model', () => {
  const thoughtful = '<think>\nhm\n</think>\n\nfour';

  it('lacks what it thought in earlier turns', () => {
    const messages = [say('user'), say('assistant', thoughtful), say('user'), say('assistant', thoughtful)];
    expect(texts(withoutThoughts(messages))).toEqual(['user', 'four', 'user', thoughtful]);
  });

  it('is left alone where nothing was thought, or a user wrote of it', () => {
    const messages = [say('user', thoughtful), say('assistant', 'it says <think>a</think>'), say('user')];
    expect(withoutThoughts(messages)).toBe(messages);
  });

  it('can be the last turns only', () => {
    const messages = [say('system'), say('user', '1'), say('assistant', '2'), say('user', '3'), say('assistant', '4')];
    const { messages: kept, removed } = recentTurns([...messages, say('user', '5')], 1);
    expect([texts(kept), removed]).toEqual([['system', '3', '4', '5'], 1]);
  });
});

/** Conversations as clients send them: system messages anywhere, calls of tools with their results. */
const conversation = fc
  .array(
    fc.oneof(
      fc.constant(['system']),
      fc.constant(['user']),
      fc.constant(['user', 'user']),
      fc.constant(['assistant']),
      fc.constant(['call', 'tool', 'tool', 'assistant']),
    ),
    { maxLength: 12 },
  )
  .map((groups) =>
    groups
      .flat()
      .map((role, index) =>
        role === 'call'
          ? say('assistant', '', { toolCallsJson: JSON.stringify([{ id: `c${index + 1}` }, { id: `c${index + 2}` }]) })
          : say(role, `${index}`, role === 'tool' ? { toolCallId: `c${index}` } : {}),
      ),
  );

describe('turns that are left out', () => {
  it('never take a system message with them, the current turn, or a call from its result', () => {
    fc.assert(
      fc.property(conversation, fc.nat(4), (messages, keep) => {
        const { messages: kept } = recentTurns(messages, keep);
        expect(kept.filter(({ role }) => role === 'system')).toEqual(messages.filter(({ role }) => role === 'system'));
        const turns = turnNumbers(messages);
        const current = messages.filter((_, index) => turns[index] === lastTurn(turns));
        expect(kept).toEqual(expect.arrayContaining(current));
        const calls = kept.flatMap(({ toolCallsJson }) =>
          toolCallsJson === '' ? [] : (JSON.parse(toolCallsJson) as { id: string }[]).map(({ id }) => id),
        );
        const results = kept.filter(({ role }) => role === 'tool').map(({ toolCallId }) => toolCallId);
        expect(results).toEqual(calls);
      }),
    );
  });
});
