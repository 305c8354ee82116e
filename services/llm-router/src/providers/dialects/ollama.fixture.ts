import { overHttp, type Dialect, type ToolCall, type Words } from './dialect.fixture.ts';

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const says = (fields: object, more: object = {}) =>
  line({ model: 'm', message: { role: 'assistant', content: '', ...fields }, done: false, ...more });
const last = (reason: string) => ({
  ...{ done: true, done_reason: reason === 'length' ? 'length' : 'stop' },
  ...{ prompt_eval_count: 7, eval_count: 2 },
});
const rows = (calls: readonly ToolCall[]) =>
  calls.map(({ name, input }) => ({ function: { name, arguments: JSON.parse(input) } }));

const words: Words = {
  begin: '',
  text: (content) => says({ content }),
  thought: (thinking) => says({ thinking }),
  // Never in pieces.
  calls: (calls) => says({ tool_calls: rows(calls) }),
  end: (reason) => says({}, last(reason)),
  error: (error) => line({ error }),
  whole: ({ text, thought, calls = [], reason }) => ({
    model: 'm',
    message: {
      ...{ role: 'assistant', content: text },
      ...(thought !== undefined && { thinking: thought }),
      ...(calls.length > 0 && { tool_calls: rows(calls) }),
    },
    ...last(reason),
  }),
  refusal: (error) => ({ error }),
};

export const ollama: Dialect = {
  ...overHttp,
  name: 'ollama',
  provider: { kind: 'ollama' },
  suffix: '',
  words,
  generatePath: '/api/chat',
  embedPath: '/api/embed',
  embeddings: (vectors) => ({ model: 'm', embeddings: vectors, prompt_eval_count: 7 }),
  listPath: '/api/tags',
  list: { models: [{ name: 'm' }] },
  keyHeader: 'authorization',
  keyPrefix: 'Bearer ',
  maxTokens: (body) => body.options.num_predict,
  told: ({ messages }) => {
    const [system, , seen, called, result] = messages;
    const { name, arguments: input } = called.tool_calls[0].function;
    return {
      system: system.content,
      image: `data:image/png;base64,${seen.images[0]}`,
      call: { name, input },
      result: `${result.role} ${result.tool_name === 'weather' ? 'c1' : ''} ${result.content}`,
    };
  },
  cached: 0,
};
