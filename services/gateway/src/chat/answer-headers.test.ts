import { chat } from '@flotilla/contracts';
import { describe, expect, it } from '@jest/globals';
import { routingHeaders } from './answer-headers.ts';

const headersOf = (routing: Parameters<typeof chat.Routing.fromPartial>[0]) =>
  Object.fromEntries(
    routingHeaders(chat.Routing.fromPartial(routing)).reduce<[string, string][]>(
      (pairs, text, at, all) => (at % 2 === 0 ? [...pairs, [text, all[at + 1]!]] : pairs),
      [],
    ),
  );

describe('the headers of an answer', () => {
  it('tell how it was routed', () => {
    expect(
      headersOf({
        ...{ task: 'math', policy: 'cheap', reasons: ['task=math(0.93)', 'lang=de'], cache: 'miss', attempts: 2 },
        ...{ experiment: 'new-model', arm: 'b' },
      }),
    ).toEqual({
      'x-flotilla-task': 'math',
      'x-flotilla-policy': 'cheap',
      'x-flotilla-reasons': 'task=math(0.93), lang=de',
      'x-flotilla-experiment': 'new-model=b',
      'x-flotilla-cache': 'miss',
      'x-flotilla-attempts': '2',
    });
  });

  it('say nothing of what was not', () => {
    expect(headersOf({ attempts: 1 })).toEqual({});
    expect(routingHeaders(undefined)).toEqual([]);
  });

  it('hold nothing a header may not', () => {
    const { 'x-flotilla-policy': policy } = headersOf({ policy: 'é\r\nset-cookie: x', reasons: ['x'.repeat(2_000)] });
    expect(policy).toBe('???set-cookie: x');
  });
});
