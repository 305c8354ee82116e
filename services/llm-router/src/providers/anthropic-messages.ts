import type { chat } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';

type Block = Record<string, unknown> & { type: string };
interface Turn {
  role: 'user' | 'assistant';
  content: Block[];
}

/** Anthropic keeps the system's words apart from the messages. */
export function systemOf(messages: readonly chat.Message[]): string | undefined {
  const texts = messages.filter(isSystem).map(({ content }) => content);
  return texts.filter((text) => text !== '').join('\n\n') || undefined;
}

function isSystem({ role }: chat.Message): boolean {
  return role === 'system' || role === 'developer';
}

/**
 * Turns of user and assistant, one after the other: what tools answered is the user's, and all answers to one message's
 * calls stand in the one next to it. A turn without a word is none.
 */
export function anthropicMessages(messages: readonly chat.Message[]): Turn[] {
  const turns: Turn[] = [];
  for (const message of messages) {
    if (isSystem(message)) continue;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const content = message.role === 'tool' ? [resultOf(message)] : blocksOf(message);
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else if (content.length > 0) turns.push({ role, content });
  }
  trimLast(turns.at(-1));
  return turns;
}

/** An answer that is begun for the model may not end with a blank. */
function trimLast(turn: Turn | undefined): void {
  const block = turn?.role === 'assistant' ? turn.content.at(-1) : undefined;
  if (typeof block?.['text'] !== 'string') return;
  block['text'] = block['text'].trimEnd();
  if (block['text'] === '') turn!.content.pop();
}

function resultOf({ toolCallId, content, partsJson }: chat.Message): Block {
  const parts = partsJson === '' ? content : partsOf(partsJson);
  return { type: 'tool_result', tool_use_id: idOf(toolCallId), content: parts };
}

function blocksOf({ content, partsJson, toolCallsJson }: chat.Message): Block[] {
  const said = partsJson !== '' ? partsOf(partsJson) : content === '' ? [] : [{ type: 'text', text: content }];
  return toolCallsJson === '' ? said : [...said, ...usesOf(toolCallsJson)];
}

interface ToolCall {
  id?: string;
  function?: { name?: string; arguments?: string };
}

function usesOf(toolCallsJson: string): Block[] {
  return (json(toolCallsJson, 'tool_calls') as ToolCall[]).map(({ id = '', function: call }) => ({
    type: 'tool_use',
    id: idOf(id),
    name: call?.name,
    input: json(call?.arguments || '{}', 'tool_calls'),
  }));
}

/** Other engines' ids may hold what Anthropic's may not, e.g. `functions.weather:0`. */
function idOf(id: string): string {
  return id.replaceAll(/[^\w-]/g, '_');
}

interface Part {
  type?: string;
  text?: string;
  image_url?: { url?: string };
  file?: { file_data?: string; filename?: string };
  cache_control?: unknown;
}

const readers: Readonly<Record<string, (part: Part) => Block | undefined>> = {
  text: ({ text, cache_control: cached }) =>
    text ? { type: 'text', text, ...(cached !== undefined && { cache_control: cached }) } : undefined,
  image_url: ({ image_url: image }) => ({ type: 'image', source: sourceOf(image?.url ?? '', /^image\//) }),
  file: ({ file }) => ({
    ...{ type: 'document', source: sourceOf(file?.file_data ?? '', /^application\/pdf$/) },
    ...(file?.filename !== undefined && { title: file.filename }),
  }),
};

function partsOf(partsJson: string): Block[] {
  return (json(partsJson, 'messages') as Part[]).flatMap((part) => {
    const read = readers[part.type ?? ''];
    if (!read) throw refused(`does not take parts of type ${JSON.stringify(part.type)}`);
    return read(part) ?? [];
  });
}

function sourceOf(url: string, kind: RegExp): object {
  const [, type = '', data] = /^data:([\w.+/-]+);base64,(.+)$/s.exec(url) ?? [];
  if (data !== undefined && kind.test(type)) return { type: 'base64', media_type: type, data };
  if (/^https?:\/\//.test(url)) return { type: 'url', url };
  throw refused('takes images and PDF as base64 data URLs or from the web only');
}

function refused(text: string): FlotillaError {
  return new FlotillaError('capability_mismatch', `This model ${text}.`, { details: { param: 'messages' } });
}

function json(text: string, param: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlotillaError('invalid_request', `${param} holds text that is not JSON.`, { details: { param }, cause });
  }
}
