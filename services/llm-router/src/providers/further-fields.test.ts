import { afterEach, describe, expect, it } from '@jest/globals';
import { sendJson, type Script } from '../fake-engine.fixture.ts';
import { choicesOf } from '../router.fixture.ts';
import { contracted, key, type Contracted } from './contract.fixture.ts';
import { anthropic } from './dialects/anthropic.fixture.ts';
import type { Dialect } from './dialects/dialect.fixture.ts';
import { ollama } from './dialects/ollama.fixture.ts';
import { openAi } from './dialects/openai.fixture.ts';

const vllm = openAi('vllm');
const event = (value: { type: string }) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
const chunk = (choice: object) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
const body =
  (answer: object): Script =>
  (response) =>
    sendJson(response, answer);

let its: Contracted;
afterEach(() => its.stop());

/** The choices of an answer from an engine of that kind. */
async function said(dialect: Dialect, script: Script, { stream = true, suppressDecorations = true } = {}) {
  its = await contracted(dialect, {}, { suppressDecorations });
  its.fake.script = script;
  return choicesOf(await its.router.generate({ stream }));
}

describe('the stop sequence that ended an answer', () => {
  const vllmEnds = (stop_reason: unknown) =>
    vllm.streams([
      chunk({ delta: { role: 'assistant', content: '' }, finish_reason: null }),
      ...['a', 'b', 'c'].map((content) => chunk({ delta: { content }, finish_reason: null, stop_reason: null })),
      chunk({ delta: { content: '' }, finish_reason: 'stop', stop_reason }),
      'data: [DONE]\n\n',
    ]);
  const stop = { stop_reason: 'stop_sequence', stop_sequence: 'END' };
  const [begin, text] = [anthropic.words.begin, anthropic.words.text('abc')];

  it.each<[string, Dialect, Script, string]>([
    ['is told by vLLM, in a stream', vllm, vllmEnds('END'), 'END'],
    ['is not told by vLLM where it was a token', vllm, vllmEnds(128_009), ''],
    ['is not told by vLLM where it was the end', vllm, vllmEnds(null), ''],
    [
      'is told by Anthropic, in a stream',
      anthropic,
      anthropic.streams([
        begin,
        text,
        event({ type: 'message_delta', delta: stop } as never),
        event({ type: 'message_stop' }),
      ]),
      'END',
    ],
    [
      'is not told by Anthropic where it was the end',
      anthropic,
      anthropic.streams([begin, text, anthropic.words.end('stop')]),
      '',
    ],
    ['is not told by Ollama', ollama, ollama.streams([ollama.words.text('abc'), ollama.words.end('stop')]), ''],
  ])('%s', async (_name, dialect, script, stopSequence) => {
    const choices = await said(dialect, script);
    expect(choices.map(({ content }) => content).join('')).toBe('abc');
    expect(choices.at(-1)).toMatchObject({ finishReason: 'stop', stopSequence, extraJson: '' });
  });

  it.each<[string, Dialect, object]>([
    ['vLLM', vllm, { choices: [{ index: 0, message: { content: 'a' }, finish_reason: 'stop', stop_reason: 'END' }] }],
    ['Anthropic', anthropic, { content: [{ type: 'text', text: 'a' }], ...stop }],
  ])('is told by %s, in an answer in one piece', async (_name, dialect, answer) => {
    const choices = await said(dialect, body(answer), { stream: false });
    expect(choices).toMatchObject([{ content: 'a', finishReason: 'stop', stopSequence: 'END', extraJson: '' }]);
  });
});

describe('what engines say beside the answer', () => {
  const debugging = { suppressDecorations: false };
  const told = (choices: Awaited<ReturnType<typeof said>>) =>
    choices.flatMap(({ extraJson }) => (extraJson === '' ? [] : [JSON.parse(extraJson) as object]));
  const streamed = vllm.streams([
    chunk({ delta: { role: 'assistant', content: '', audio: null }, finish_reason: null }),
    chunk({ delta: { content: 'a' }, finish_reason: null, token_ids: [5] }),
    chunk({ delta: { content: 'a' }, finish_reason: null, token_ids: [6] }),
    chunk({ delta: {}, finish_reason: 'stop', stop_reason: 7 }),
    'data: [DONE]\n\n',
  ]);

  it('is left out', async () => {
    expect(told(await said(vllm, streamed))).toEqual([]);
  });

  it('is passed on, piece by piece, where decorations are wanted', async () => {
    const choices = await said(vllm, streamed, debugging);
    expect(told(choices)).toEqual([{ token_ids: [5] }, { token_ids: [6] }, { stop_reason: 7 }]);
    expect(choices.map(({ content }) => content).join('')).toBe('aa');
  });

  it.each<[string, Dialect, Script, object]>([
    [
      'Ollama',
      ollama,
      ollama.streams([
        `${JSON.stringify({ message: { content: 'a' }, done: true, done_reason: 'stop', load_duration: 9 })}\n`,
      ]),
      { done_reason: 'stop', load_duration: 9 },
    ],
    [
      'Anthropic',
      anthropic,
      anthropic.streams([anthropic.words.begin, anthropic.words.text('a'), anthropic.words.end('length')]),
      { stop_reason: 'max_tokens' },
    ],
  ])('is passed on from %s', async (_name, dialect, script, expected) => {
    expect(told(await said(dialect, script, debugging))).toEqual([expected]);
  });

  it('has neither the provider’s key nor the prompt in it, and is left out when it is long', async () => {
    const choice = { index: 0, message: { content: 'a', note: `with ${key}` }, finish_reason: 'stop' };
    const answer = (more: object) => body({ choices: [{ ...choice, prompt_logprobs: [{ 1: 0.5 }], ...more }] });
    const choices = await said(vllm, answer({}), { ...debugging, stream: false });
    expect(told(choices)).toEqual([{ note: 'with …' }]);
    its.fake.script = answer({ hidden_states: 'x'.repeat(20_000) });
    expect(told(choicesOf(await its.router.generate({ stream: false })))).toEqual([]);
  });
});
