import { sse } from '../../fake-engine.fixture.ts';
import { overHttp, type Dialect, type ToolCall, type Words } from './dialect.fixture.ts';

const chunk = (choice: object) => sse({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, ...choice }] });
const delta = (fields: object) => chunk({ delta: fields, finish_reason: null });
const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9, prompt_tokens_details: { cached_tokens: 3 } };
export const rows = (calls: readonly ToolCall[]) =>
  calls.map(({ name, input }, at) => ({ id: `call-${at}`, type: 'function', function: { name, arguments: input } }));

export const openAiWords: Words = {
  begin: delta({ role: 'assistant', content: '' }),
  text: (content) => delta({ content }),
  thought: (reasoning_content) => delta({ reasoning_content }),
  calls: (calls, cut) =>
    rows(calls)
      .map(({ function: { name, arguments: input }, ...row }, index) =>
        [
          delta({ tool_calls: [{ index, ...row, function: { name, arguments: '' } }] }),
          ...cut(input).map((text) => delta({ tool_calls: [{ index, function: { arguments: text } }] })),
        ].join(''),
      )
      .join(''),
  end: (reason) => chunk({ delta: {}, finish_reason: reason }) + sse({ choices: [], usage }) + sse('[DONE]'),
  error: (message, code) => sse({ error: { message, code } }),
  whole: ({ text, thought, calls = [], reason }) => ({
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text,
          ...(thought !== undefined && { reasoning_content: thought }),
          ...(calls.length > 0 && { tool_calls: rows(calls) }),
        },
        finish_reason: reason,
      },
    ],
    usage,
  }),
  refusal: (message, code) => ({ error: { message, code } }),
};

export const openAi = (kind: string, provider: object = {}): Dialect => ({
  ...overHttp,
  name: kind,
  provider: { kind, ...provider },
  suffix: '/v1',
  words: openAiWords,
  generatePath: '/v1/chat/completions',
  embedPath: '/v1/embeddings',
  // Out of order: the index counts.
  embeddings: (vectors) => ({
    data: vectors.map((embedding, index) => ({ index, embedding })).reverse(),
    usage: { prompt_tokens: 7 },
  }),
  listPath: '/v1/models',
  list: { data: [{ id: 'm' }] },
  keyHeader: 'authorization',
  keyPrefix: 'Bearer ',
  maxTokens: (body) => body.max_tokens,
  told: ({ messages }) => {
    const [system, , seen, called, result] = messages;
    const { name, arguments: input } = called.tool_calls[0].function;
    return {
      system: system.content,
      image: seen.content[1].image_url.url,
      call: { name, input: JSON.parse(input) },
      result: `${result.role} ${result.tool_call_id} ${result.content}`,
    };
  },
  cached: 3,
});
