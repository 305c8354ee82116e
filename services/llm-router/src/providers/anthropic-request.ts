import type { chat, router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { Account } from './account.ts';
import { anthropicMessages, systemOf } from './anthropic-messages.ts';
import { thinkingOf } from './anthropic-thinking.ts';
import { parseParameters } from './parameters.ts';

/** Anthropic wants a limit; where nobody set one it is this, in tokens. */
const defaultMaxTokens = 4_096;

/** OpenAI's name → Anthropic's, of what means the same. */
const same: Readonly<Record<string, string>> = { top_p: 'top_p', top_k: 'top_k', cache_control: 'cache_control' };

/** The body of `POST /v1/messages`. Fields Anthropic has no word for are left out; what would change the answer's shape is refused. */
export function anthropicBody(model: string, request: router.GenerateRequest, account: Account): string {
  const parameters = parseParameters(request.parametersJson);
  if (typeof parameters['n'] === 'number' && parameters['n'] > 1) throw mismatch('gives one choice a request', 'n');
  const fields: Record<string, unknown> = {};
  for (const [name, theirs] of Object.entries(same)) {
    if (parameters[name] != null) fields[theirs] = parameters[name];
  }
  const maxTokens = request.maxTokens || defaultMaxTokens;
  const thinking = thinkingOf(model, parameters, maxTokens, inToolLoop(request.messages));
  const { output_config: effort, ...others } = thinking ?? {};
  const format = formatOf(parameters['response_format']);
  const body = {
    model,
    max_tokens: maxTokens,
    stream: request.stream,
    system: systemOf(request.messages),
    messages: anthropicMessages(request.messages),
    // OpenAI's goes to 2, and a model that thinks takes none.
    temperature: thinking?.thinking ? undefined : clamped(parameters['temperature']),
    stop_sequences: stopOf(parameters['stop']),
    metadata: typeof parameters['user'] === 'string' ? { user_id: parameters['user'] } : undefined,
    ...toolsOf(parameters),
    output_config: effort || format ? { ...effort, ...(format && { format }) } : undefined,
    ...fields,
    ...others,
    ...account.body?.fields,
  };
  return JSON.stringify(body);
}

/** The last word is a tool's: Anthropic then wants the thinking back that led to the call, and OpenAI's messages do not hold it. */
function inToolLoop(messages: readonly chat.Message[]): boolean {
  return messages.at(-1)?.role === 'tool';
}

function clamped(temperature: unknown): unknown {
  return typeof temperature === 'number' ? Math.min(temperature, 1) : undefined;
}

function stopOf(stop: unknown): unknown {
  return typeof stop === 'string' ? [stop] : (stop ?? undefined);
}

interface ResponseFormat {
  type?: string;
  json_schema?: { schema?: unknown };
}

function formatOf(format: unknown): object | undefined {
  const { type, json_schema: schema } = (format ?? {}) as ResponseFormat;
  if (type === 'json_schema') return { type: 'json_schema', schema: schema?.schema };
  if (type === 'json_object')
    throw mismatch('takes JSON with a schema only: response_format json_schema', 'response_format');
  return undefined;
}

interface Tool {
  type?: string;
  function?: { name?: string; description?: string; parameters?: unknown };
}

/** OpenAI's `tool_choice` → Anthropic's. */
const choices: Readonly<Record<string, string>> = { auto: 'auto', required: 'any', none: 'none' };

function toolsOf(parameters: Record<string, unknown>): object {
  const tools = parameters['tools'];
  if (!Array.isArray(tools) || tools.length === 0) return {};
  const parallel = parameters['parallel_tool_calls'];
  const choice = choiceOf(parameters['tool_choice'] ?? 'auto');
  const single = parallel === false && choice.type !== 'none' ? { disable_parallel_tool_use: true } : {};
  return { tools: (tools as Tool[]).map(toolOf), tool_choice: { ...choice, ...single } };
}

function toolOf({ type, function: definition }: Tool): object {
  if (type !== 'function' || !definition) throw mismatch('takes tools of type function only', 'tools');
  const { name, description, parameters } = definition;
  return { name, description, input_schema: parameters ?? { type: 'object', properties: {} } };
}

function choiceOf(choice: unknown): { type: string; name?: unknown } {
  if (typeof choice === 'string' && Object.hasOwn(choices, choice)) return { type: choices[choice]! };
  const { function: named } = choice as { function?: { name?: unknown } };
  if (typeof named?.name === 'string') return { type: 'tool', name: named.name };
  throw mismatch('does not know this tool_choice', 'tool_choice');
}

function mismatch(text: string, param: string): FlotillaError {
  return new FlotillaError('capability_mismatch', `This model ${text}.`, { details: { param } });
}
