import type { Choice } from '../language/choice.ts';
import type { Shape } from './reply.ts';

const stopReason = ({ stopReason }: Choice) => (stopReason === undefined ? 'null' : JSON.stringify(stopReason));

const open = '"logprobs":null,"finish_reason":null';

/** /v1/chat/completions. */
export const chatShape: Shape = {
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  whole(choice, index) {
    const message = choice.tool
      ? `{"role":"assistant","content":null,"tool_calls":[{"id":"${choice.tool.id}","type":"function","function":{"name":${JSON.stringify(choice.tool.name)},"arguments":${JSON.stringify(choice.text)}}}]}`
      : `{"role":"assistant","content":${JSON.stringify(choice.text)},"tool_calls":[]}`;
    return `{"index":${index},"message":${message},"logprobs":null,"finish_reason":"${choice.finishReason}","stop_reason":${stopReason(choice)}}`;
  },
  openings(choice) {
    const role = `"delta":{"role":"assistant","content":""},${open}`;
    if (!choice.tool) return [role];
    const { id, name } = choice.tool;
    return [
      role,
      `"delta":{"tool_calls":[{"index":0,"id":"${id}","type":"function","function":{"name":${JSON.stringify(name)},"arguments":""}}]},${open}`,
    ];
  },
  token(choice, token) {
    const text = JSON.stringify(token);
    return choice.tool
      ? `"delta":{"tool_calls":[{"index":0,"function":{"arguments":${text}}}]},${open}`
      : `"delta":{"content":${text}},${open}`;
  },
  closing: (choice) =>
    `"delta":{},"logprobs":null,"finish_reason":"${choice.finishReason}","stop_reason":${stopReason(choice)}`,
};

/** /v1/completions. */
export const textShape: Shape = {
  object: 'text_completion',
  chunkObject: 'text_completion',
  whole: (choice, index) =>
    `{"index":${index},"text":${JSON.stringify(choice.text)},"logprobs":null,"finish_reason":"${choice.finishReason}","stop_reason":${stopReason(choice)}}`,
  openings: () => [],
  token: (_choice, token) => `"text":${JSON.stringify(token)},${open}`,
  closing: (choice) =>
    `"text":"","logprobs":null,"finish_reason":"${choice.finishReason}","stop_reason":${stopReason(choice)}`,
};
