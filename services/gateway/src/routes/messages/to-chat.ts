import type { chat } from '@flotilla/contracts';
import type { ChatBody } from '../../chat/chat-body.ts';
import { readExtension } from '../../chat/extension.ts';
import { checkDepth } from '../../chat/invalid.ts';
import type { ImageBlock, MessageParam, MessagesBody, Prompt, UserBlock } from './schema.ts';

/** A body of Anthropic's as a chat of ours. Throws `invalid_request` for what its schema cannot say. */
export function toChat(body: MessagesBody): ChatBody {
  checkDepth(body.tools, 'tools');
  checkDepth(body.messages, 'messages');
  const messages: chat.Message[] = [];
  if (body.system && body.system.length > 0) messages.push(message('system', joined(body.system)));
  for (const param of body.messages) messages.push(...messagesOf(param));
  return {
    ...{ model: body.model, messages },
    mediaParts: body.messages.reduce((sum, { content }) => sum + countImages(content), 0),
    parametersJson: JSON.stringify(parameters(body)),
    maxTokens: body.max_tokens,
    ...{ choices: 1, stream: body.stream ?? false, includeUsage: true },
    ...readExtension(body.flotilla),
  };
}

function parameters(body: Partial<MessagesBody>): object {
  const { temperature, top_p, top_k, stop_sequences: stop, tools, tool_choice: choice } = body;
  return {
    ...{ temperature, top_p, top_k },
    ...(stop && stop.length > 0 && { stop }),
    ...(tools && tools.length > 0 && { tools: tools.map(toolOf) }),
    ...(choice && { tool_choice: choiceOf(choice) }),
    ...(choice && 'disable_parallel_tool_use' in choice && { parallel_tool_calls: !choice.disable_parallel_tool_use }),
  };
}

function toolOf({ name, description, input_schema }: NonNullable<Prompt['tools']>[number]): object {
  return { type: 'function', function: { name, description, parameters: input_schema } };
}

function choiceOf(choice: NonNullable<Prompt['tool_choice']>): string | object {
  switch (choice.type) {
    case 'any':
      return 'required';
    case 'tool':
      return { type: 'function', function: { name: choice.name } };
    default:
      return choice.type;
  }
}

function messagesOf(param: MessageParam): chat.Message[] {
  return param.role === 'assistant' ? [assistantMessage(param.content)] : userMessages(param.content);
}

function assistantMessage(content: Extract<MessageParam, { role: 'assistant' }>['content']): chat.Message {
  const calls = content.flatMap((block) =>
    block.type === 'tool_use'
      ? [{ id: block.id, type: 'function', function: { name: block.name, arguments: JSON.stringify(block.input) } }]
      : [],
  );
  const texts = content.filter((block) => block.type === 'text');
  return { ...message('assistant', joined(texts)), toolCallsJson: calls.length > 0 ? JSON.stringify(calls) : '' };
}

/** Results of tools are messages of their own with OpenAI's engines, before what the user adds. Their images go with the user. */
function userMessages(content: readonly UserBlock[]): chat.Message[] {
  const messages: chat.Message[] = [];
  const rest: ({ type: 'text'; text: string } | ImageBlock)[] = [];
  for (const block of content) {
    if (block.type !== 'tool_result') {
      rest.push(block);
      continue;
    }
    const result = block.content ?? [];
    const text = joined(result.filter((part) => part.type === 'text'));
    messages.push({ ...message('tool', block.is_error ? `Error: ${text}` : text), toolCallId: block.tool_use_id });
    rest.push(...result.filter((part) => part.type === 'image'));
  }
  if (rest.length === 0) return messages;
  const user = message('user', joined(rest.filter((part) => part.type === 'text')));
  if (rest.some(({ type }) => type === 'image')) user.partsJson = JSON.stringify(rest.map(partOf));
  return [...messages, user];
}

function partOf(block: { type: 'text'; text: string } | ImageBlock): object {
  if (block.type === 'text') return { type: 'text', text: block.text };
  const { source } = block;
  const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
  return { type: 'image_url', image_url: { url } };
}

function countImages(content: MessageParam['content']): number {
  let count = 0;
  for (const block of content) {
    if (block.type === 'image') count += 1;
    else if (block.type === 'tool_result') count += block.content?.filter(({ type }) => type === 'image').length ?? 0;
  }
  return count;
}

function joined(texts: readonly { text: string }[]): string {
  return texts.map(({ text }) => text).join('\n');
}

function message(role: string, content: string): chat.Message {
  return { role, content, partsJson: '', name: '', toolCallId: '', toolCallsJson: '' };
}
