import type { chat, router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { Account } from './account.ts';
import { parseParameters } from './parameters.ts';

/** OpenAI's name → Ollama's option. */
const options: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'top_p',
  top_k: 'top_k',
  min_p: 'min_p',
  seed: 'seed',
  stop: 'stop',
  frequency_penalty: 'frequency_penalty',
  presence_penalty: 'presence_penalty',
  repetition_penalty: 'repeat_penalty',
};

/** The body of `POST /api/chat`. Fields Ollama has no word for are left out; what would change the answer's shape is refused. */
export function ollamaChatBody(model: string, request: router.GenerateRequest, account: Account): string {
  const parameters = parseParameters(request.parametersJson);
  if (typeof parameters['n'] === 'number' && parameters['n'] > 1) {
    throw new FlotillaError('capability_mismatch', 'This model gives one choice a request.', {
      details: { param: 'n' },
    });
  }
  const chosen: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    if (parameters[name] != null) chosen[option] = parameters[name];
  }
  const { options: fixed, ...further } = account.body?.fields ?? {};
  Object.assign(chosen, fixed);
  if (request.maxTokens > 0) chosen['num_predict'] = request.maxTokens;
  return JSON.stringify({
    model,
    messages: messagesOf(request.messages),
    stream: request.stream,
    options: chosen,
    tools: parameters['tool_choice'] === 'none' ? undefined : parameters['tools'],
    format: formatOf(parameters['response_format']),
    think: thinkOf(parameters),
    keep_alive: account.provider?.keep_alive,
    ...further,
  });
}

/** Ollama takes `low`, `medium` and `high` as OpenAI does, and false for not at all. */
function thinkOf({ think, reasoning_effort: effort }: Record<string, unknown>): unknown {
  if (think !== undefined) return think;
  return effort === 'none' ? false : efforts[String(effort)];
}

const efforts: Readonly<Record<string, string>> = { minimal: 'low', low: 'low', medium: 'medium', high: 'high' };

interface ResponseFormat {
  type?: string;
  json_schema?: { schema?: unknown };
}

function formatOf(format: unknown): unknown {
  const { type, json_schema } = (format ?? {}) as ResponseFormat;
  if (type === 'json_object') return 'json';
  return type === 'json_schema' ? json_schema?.schema : undefined;
}

interface ToolCall {
  id?: string;
  function?: { name?: string; arguments?: string };
}

function messagesOf(messages: readonly chat.Message[]): object[] {
  /** Ollama names the tool that a result is of, OpenAI the call. */
  const toolNames = new Map<string, string | undefined>();
  return messages.map((message) => {
    const calls = message.toolCallsJson === '' ? undefined : (json(message.toolCallsJson, 'tool_calls') as ToolCall[]);
    for (const call of calls ?? []) if (call.id) toolNames.set(call.id, call.function?.name);
    return {
      role: message.role === 'developer' ? 'system' : message.role,
      content: message.content,
      images: message.partsJson === '' ? undefined : imagesOf(message.partsJson),
      tool_calls: calls?.map((call) => ({
        function: { name: call.function?.name, arguments: json(call.function?.arguments || '{}', 'tool_calls') },
      })),
      tool_name: message.toolCallId === '' ? undefined : toolNames.get(message.toolCallId),
    };
  });
}

interface Part {
  type?: string;
  image_url?: { url?: string };
}

/** Ollama takes images as bare base64; it fetches no URLs. */
function imagesOf(partsJson: string): string[] | undefined {
  const images: string[] = [];
  for (const part of json(partsJson, 'messages') as Part[]) {
    if (part.type !== 'image_url') continue;
    const data = /^data:image\/[\w.+-]+;base64,(.+)$/s.exec(part.image_url?.url ?? '')?.[1];
    if (data === undefined) {
      throw new FlotillaError('capability_mismatch', 'This model takes images as base64 data URLs only.', {
        details: { param: 'messages' },
      });
    }
    images.push(data);
  }
  return images.length > 0 ? images : undefined;
}

function json(text: string, param: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlotillaError('invalid_request', `${param} holds text that is not JSON.`, { details: { param }, cause });
  }
}
