import { overHttp, type Dialect, type Reason, type ToolCall, type Words } from './dialect.fixture.ts';

const event = (value: { type: string }) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
const block = (type: string, fields: object, deltas: readonly object[]) =>
  [
    { type: 'content_block_start', index: 0, content_block: { type, ...fields } },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
  ]
    .map(event)
    .join('');
const reasons: Record<Reason, string> = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' };
const input = { input_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 2 };
const types: Record<number, string> = { 400: 'invalid_request_error', 500: 'api_error', 529: 'overloaded_error' };
const uses = (calls: readonly ToolCall[]) =>
  calls.map(({ name, input: text }, at) => ({ type: 'tool_use', id: `call-${at}`, name, input: JSON.parse(text) }));

const words: Words = {
  begin:
    event({ type: 'message_start', message: { role: 'assistant', usage: { ...input, output_tokens: 1 } } } as never) +
    event({ type: 'ping' }),
  text: (text) => block('text', { text: '' }, [{ type: 'text_delta', text }]),
  thought: (thinking) =>
    block('thinking', { thinking: '', signature: '' }, [
      { type: 'thinking_delta', thinking },
      { type: 'signature_delta', signature: 'Eqo=' },
    ]),
  calls: (calls, cut) =>
    calls
      .map(({ name, input: text }, at) =>
        block(
          'tool_use',
          { id: `call-${at}`, name, input: {} },
          (text === '{}' ? [''] : ['', ...cut(text)]).map((partial_json) => ({
            type: 'input_json_delta',
            partial_json,
          })),
        ),
      )
      .join(''),
  end: (reason) =>
    event({ type: 'message_delta', delta: { stop_reason: reasons[reason] }, usage: { output_tokens: 2 } } as never) +
    event({ type: 'message_stop' }),
  error: (message, status) => event({ type: 'error', error: { type: types[status], message } } as never),
  whole: ({ text, thought, calls = [], reason }) => ({
    ...{ type: 'message', role: 'assistant' },
    content: [
      ...(thought !== undefined ? [{ type: 'thinking', thinking: thought, signature: 'Eqo=' }] : []),
      { type: 'text', text },
      ...uses(calls),
    ],
    stop_reason: reasons[reason],
    usage: { ...input, output_tokens: 2 },
  }),
  refusal: (message, status) => ({ type: 'error', error: { type: types[status] ?? 'api_error', message } }),
};

export const anthropic: Dialect = {
  ...overHttp,
  name: 'anthropic',
  provider: { kind: 'anthropic' },
  suffix: '/v1',
  words,
  generatePath: '/v1/messages',
  listPath: '/v1/models?limit=1000',
  list: { data: [{ type: 'model', id: 'm', display_name: 'M' }], has_more: false },
  keyHeader: 'x-api-key',
  keyPrefix: '',
  maxTokens: (body) => body.max_tokens,
  told: ({ system, messages }) => {
    const [asked, called, answered] = messages;
    const { media_type: type, data } = asked.content.find((part: any) => part.type === 'image').source;
    const { name, input: given } = called.content[0];
    const [result] = answered.content;
    return {
      system,
      image: `data:${type};base64,${data}`,
      call: { name, input: given },
      result: `${result.type === 'tool_result' ? 'tool' : ''} ${result.tool_use_id} ${result.content}`,
    };
  },
  cached: 3,
};
