import { describe, expect, it } from '@jest/globals';
import { chat } from '@flotilla/contracts';
import { defaults } from '../config.ts';
import { generateRequest } from '../router.fixture.ts';
import { Account } from './account.ts';
import { anthropicBody } from './anthropic-request.ts';

const account = new Account(undefined, defaults);
const message = (fields: Partial<chat.Message>) => chat.Message.fromPartial({ role: 'user', content: '', ...fields });
function bodyOf(
  parameters: object = {},
  messages = [message({ content: 'hi' })],
  model = 'claude-sonnet-5',
  maxTokens = 0,
) {
  const request = generateRequest({ parametersJson: JSON.stringify(parameters), messages, maxTokens });
  return JSON.parse(anthropicBody(model, request, account));
}

describe('what Anthropic is asked', () => {
  it('has a limit also where the client set none', () => {
    expect(bodyOf().max_tokens).toBe(4_096);
    expect(bodyOf({}, undefined, undefined, 12).max_tokens).toBe(12);
  });

  it('says the parameters in its words, and leaves out those it has none for', () => {
    const body = bodyOf({ temperature: 1.5, top_p: 0.5, top_k: 4, stop: 'END', user: 'u1', logprobs: true, seed: 1 });
    expect(body).toMatchObject({
      ...{ temperature: 1, top_p: 0.5, top_k: 4, stop_sequences: ['END'], metadata: { user_id: 'u1' } },
    });
    expect(Object.keys(body)).not.toContain('seed');
    expect(Object.keys(body)).not.toContain('logprobs');
  });

  it.each([
    ['auto', { type: 'auto' }],
    ['required', { type: 'any' }],
    ['none', { type: 'none' }],
    [
      { type: 'function', function: { name: 'f' } },
      { type: 'tool', name: 'f' },
    ],
  ])('offers tools, with the choice %j', (choice, expected) => {
    const tools = [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }];
    const body = bodyOf({ tools, tool_choice: choice });
    expect(body.tools).toEqual([{ name: 'f', description: 'd', input_schema: { type: 'object' } }]);
    expect(body.tool_choice).toEqual(expected);
    const single = bodyOf({ tools, parallel_tool_calls: false }).tool_choice;
    expect(single).toEqual({ type: 'auto', disable_parallel_tool_use: true });
  });

  it('puts what several tools answered into one turn, next to their calls', () => {
    const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '' } });
    const body = bodyOf({}, [
      message({ role: 'system', content: 'one' }),
      message({ content: 'a' }),
      message({ content: 'b' }),
      message({ role: 'assistant', toolCallsJson: JSON.stringify([call('functions.f:0'), call('c2')]) }),
      message({ role: 'tool', toolCallId: 'functions.f:0', content: 'x' }),
      message({ role: 'tool', toolCallId: 'c2', content: 'y' }),
      message({ role: 'developer', content: 'two' }),
      message({ content: 'c' }),
    ]);
    expect(body.system).toBe('one\n\ntwo');
    expect(body.messages.map((turn: any) => [turn.role, ...turn.content.map((block: any) => block.type)])).toEqual([
      ['user', 'text', 'text'],
      ['assistant', 'tool_use', 'tool_use'],
      ['user', 'tool_result', 'tool_result', 'text'],
    ]);
    expect(body.messages[1].content[0]).toEqual({ type: 'tool_use', id: 'functions_f_0', name: 'f', input: {} });
    expect(body.messages[2].content[0].tool_use_id).toBe('functions_f_0');
  });

  it('thinks as much as is asked for: by tokens up to Claude 4.5, by effort after it', () => {
    const told = (model: string, effort: string, max = 40_000) =>
      bodyOf({ reasoning_effort: effort, temperature: 0 }, undefined, model, max);
    for (const model of [
      'claude-3-7-sonnet-20250219',
      'claude-opus-4-1',
      'claude-sonnet-4-5-20250929',
      'claude-sonnet-4-20250514',
    ]) {
      const body = told(model, 'medium');
      expect(body.thinking).toEqual({ type: 'enabled', budget_tokens: 4_096 });
      expect(body.temperature).toBeUndefined();
    }
    expect(told('claude-sonnet-4-5', 'high', 4_000).thinking.budget_tokens).toBe(2_000);
    expect(told('claude-sonnet-4-5', 'high', 500).thinking).toBeUndefined();
    for (const model of ['claude-opus-4-6', 'claude-sonnet-5']) {
      expect(told(model, 'high')).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } });
    }
    expect(told('claude-sonnet-5', 'none').thinking).toEqual({ type: 'disabled' });
  });

  it('keeps a schema for the answer beside the effort', () => {
    const format = { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' } } };
    expect(bodyOf({ response_format: format, reasoning_effort: 'low' }).output_config).toEqual({
      effort: 'low',
      format: { type: 'json_schema', schema: { type: 'object' } },
    });
  });

  it('refuses what would make another answer of it', () => {
    expect(() => bodyOf({ n: 2 })).toThrow('one choice');
    expect(() => bodyOf({ response_format: { type: 'json_object' } })).toThrow('json_schema');
    expect(() => bodyOf({ tools: [{ type: 'web' }] })).toThrow('tools of type function');
    const audio = JSON.stringify([{ type: 'input_audio' }]);
    expect(() => bodyOf({}, [message({ partsJson: audio })])).toThrow('input_audio');
  });
});
