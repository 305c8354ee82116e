import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { estimatePromptTokens } from '../admission/prompt-estimate.ts';
import { readChatBody } from './chat-body.ts';

const user = { role: 'user', content: 'Hi' };

describe('the body of a chat', () => {
  it('is either taken or refused with the path of what is wrong, whatever was sent', () => {
    const key = fc.constantFrom('model', 'messages', 'n', 'stop', 'tools', 'stream', 'flotilla', 'max_tokens', 'x');
    const text = fc.constantFrom('m', 'user', 'text', '');
    const message = fc.dictionary(
      fc.constantFrom('role', 'content', 'name', 'tool_calls'),
      fc.oneof(text, fc.jsonValue()),
    );
    const value = fc.oneof(fc.jsonValue(), text, fc.array(message));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(key, value)), (body) => {
        try {
          const chat = readChatBody(body);
          expect(estimatePromptTokens(chat)).toBeGreaterThan(0);
          expect(() => JSON.parse(chat.parametersJson) as unknown).not.toThrow();
        } catch (error) {
          expect(error).toMatchObject({ name: 'FlotillaError', code: 'invalid_request' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('passes on every field that is not ours, and nothing that is', () => {
    const { parametersJson } = readChatBody({
      ...{ model: 'm', messages: [user], stream: true, stream_options: { include_usage: true }, n: 2, max_tokens: 5 },
      ...{ max_completion_tokens: 4, user: 'u', metadata: {}, store: false, flotilla: {}, logit_bias: null },
      ...{ guided_json: { type: 'object' }, tools: [{ type: 'function', function: { name: 'f' } }], stop: 'x' },
    });
    expect(JSON.parse(parametersJson)).toEqual({
      ...{ n: 2, guided_json: { type: 'object' }, tools: [{ type: 'function', function: { name: 'f' } }], stop: 'x' },
    });
  });

  it('takes the smaller of the two names of the maximum', () => {
    const read = (fields: object) => readChatBody({ model: 'm', messages: [user], ...fields }).maxTokens;
    expect(read({})).toBeUndefined();
    expect(read({ max_tokens: 5 })).toBe(5);
    expect(read({ max_completion_tokens: 7 })).toBe(7);
    expect(read({ max_tokens: 5, max_completion_tokens: 7 })).toBe(5);
  });

  it('keeps the text of content parts beside the parts, and counts what is not text apart', () => {
    const content = [
      { type: 'text', text: 'What is' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } },
      { type: 'text', text: 'this?' },
    ];
    const chat = readChatBody({ model: 'm', messages: [{ role: 'user', content }] });
    expect(chat.messages[0]).toMatchObject({ content: 'What is\nthis?', partsJson: JSON.stringify(content) });
    expect(estimatePromptTokens(chat)).toBeLessThan(2_000);
  });

  it('keeps tool calls of an assistant without text, and the answers to them', () => {
    const calls = [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{}' } }];
    const { messages } = readChatBody({
      model: 'm',
      messages: [
        user,
        { role: 'assistant', content: null, tool_calls: calls },
        { role: 'tool', tool_call_id: 't1', content: '4' },
      ],
    });
    expect(messages[1]).toMatchObject({ content: '', toolCallsJson: JSON.stringify(calls) });
    expect(messages[2]).toMatchObject({ role: 'tool', toolCallId: 't1', content: '4' });
  });
});
