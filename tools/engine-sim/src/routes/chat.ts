import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Engine } from '../engine.ts';
import { badRequest, type Exchange } from '../http/exchange.ts';
import { chatShape } from '../http/shapes.ts';
import { questionOf, type Message } from '../language/answer.ts';
import { limitText, limitToolCall, type Choice, type Limits } from '../language/choice.ts';
import { exampleOf, Hints } from '../language/schema-example.ts';
import { matchTool, type Tool } from '../language/tool-choice.ts';
import { fit, generate, parseFields, samplingFields, type Sampling } from './generation.ts';

const contentPart = z.looseObject({ type: z.string(), text: z.string().nullish() });

const message = z.looseObject({
  role: z.string().min(1),
  content: z.union([z.string(), z.array(contentPart)]).nullish(),
  tool_call_id: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        id: z.string().nullish(),
        function: z.looseObject({ name: z.string(), arguments: z.string().nullish() }),
      }),
    )
    .nullish(),
});

const chatRequest = z.object({
  ...samplingFields,
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
  messages: z.array(message).min(1, 'must hold at least one message'),
  tools: z
    .array(
      z.looseObject({
        type: z.literal('function'),
        function: z.looseObject({
          name: z.string().min(1),
          description: z.string().nullish(),
          parameters: z.record(z.string(), z.unknown()).nullish(),
        }),
      }),
    )
    .nullish(),
  tool_choice: z
    .union([z.enum(['none', 'auto', 'required']), z.looseObject({ function: z.looseObject({ name: z.string() }) })])
    .nullish(),
  response_format: z
    .looseObject({
      type: z.enum(['text', 'json_object', 'json_schema', 'structural_tag']),
      json_schema: z.looseObject({ schema: z.record(z.string(), z.unknown()).nullish() }).nullish(),
    })
    .nullish(),
});

type ChatRequest = z.infer<typeof chatRequest>;

/** POST /v1/chat/completions. */
export function chat(engine: Engine, exchange: Exchange, body: Record<string, unknown>, bodyLength: number): void {
  engine.assertAwake();
  const request = parseFields(chatRequest, body);
  const model = engine.models.resolve(request.model ?? undefined, 'generate');
  const messages = request.messages.map((one) => toMessage(one, request));
  const said = takeOpenMessage(request, messages);
  const { prompt, limits } = fit(engine, model, render(messages, request.tools) + (said ?? ''), request);
  const tool = chooseTool(request, messages);
  const choices = Array.from({ length: request.n ?? 1 }, (_, index) => {
    const text = () => engine.say(messages, (request.seed ?? 0) + index);
    if (said !== undefined) return goOn(said, text(), limits);
    return compose(request, messages, tool, text, limits);
  });
  const end = engine.stats.begin(exchange.path, exchange.request.headers, body, bodyLength);
  generate(engine, exchange, {
    shape: chatShape,
    idPrefix: 'chatcmpl',
    model,
    request,
    prompts: [prompt],
    choices,
    end,
  });
}

/**
 * The answer that the request wants gone on with, taken off the messages; undefined: it wants a new one. Without the blanks
 * around it, as the templates of Llama 3.1 and others put it.
 */
function takeOpenMessage(request: ChatRequest, messages: Message[]): string | undefined {
  if (!request.continue_final_message) return undefined;
  if (request.add_generation_prompt ?? true) {
    throw badRequest('Cannot set both `continue_final_message` and `add_generation_prompt` to True.');
  }
  if (messages.at(-1)?.role !== 'assistant') {
    throw badRequest('continue_final_message needs a last message of the assistant.', 'messages');
  }
  return messages.pop()!.text.trim();
}

/** What comes behind `said`: the rest of the same answer, or, where it begins otherwise, an answer of its own. */
function goOn(said: string, text: string, limits: Limits): Choice {
  const whole = limitText(text, { ...limits, maxTokens: Infinity }).text.trimStart();
  const rest = whole.startsWith(said) ? whole.slice(said.length) : ` ${whole}`;
  return limitText(rest, { ...limits, minTokens: 0, exactTokens: 0 });
}

function compose(
  request: ChatRequest,
  messages: readonly Message[],
  tool: Tool | undefined,
  text: () => string,
  limits: Limits,
): Choice {
  const question = questionOf(messages);
  if (tool) {
    const args = exampleOf(tool.parameters, new Hints(question, question));
    const id = `chatcmpl-tool-${randomUUID().replaceAll('-', '')}`;
    return limitToolCall(id, tool.name, JSON.stringify(args), limits.maxTokens);
  }
  const json = constrained(request, question, text);
  return json === undefined ? limitText(text(), limits) : limitText(json, { ...limits, minTokens: 0, exactTokens: 0 });
}

/** What an answer must be when its form is given: the text of a choice or of a JSON value; undefined: free text. */
export function constrained(
  request: Sampling & Pick<ChatRequest, 'response_format'>,
  question: string,
  text: () => string,
): string | undefined {
  const options = request.guided_choice ?? request.structured_outputs?.choice;
  if (options?.length) return options.find((one) => question.toLowerCase().includes(one.toLowerCase())) ?? options[0];
  const format = request.response_format;
  const schema =
    request.guided_json ??
    request.structured_outputs?.json ??
    (format?.type === 'json_schema' ? (format.json_schema?.schema ?? {}) : undefined);
  if (schema !== undefined) {
    const parsed: unknown = typeof schema === 'string' ? parseSchema(schema) : schema;
    return JSON.stringify(exampleOf(parsed, new Hints(question, text())));
  }
  return format?.type === 'json_object' ? JSON.stringify({ answer: text() }) : undefined;
}

function parseSchema(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('guided_json is not valid JSON.', 'guided_json');
  }
}

function chooseTool(request: ChatRequest, messages: readonly Message[]): Tool | undefined {
  const tools = (request.tools ?? []).map(({ function: { name, description, parameters } }) => ({
    name,
    description: description ?? '',
    parameters: parameters ?? {},
  }));
  const choice = request.tool_choice ?? 'auto';
  if (typeof choice === 'object') {
    const forced = tools.find(({ name }) => name === choice.function.name);
    if (!forced) throw badRequest(`The tool \`${choice.function.name}\` is not among the tools.`, 'tool_choice');
    return forced;
  }
  if (choice === 'required' && tools.length === 0) throw badRequest('tool_choice needs tools.', 'tool_choice');
  if (tools.length === 0 || choice === 'none') return undefined;
  const matched = messages.at(-1)?.role === 'user' ? matchTool(questionOf(messages), tools) : undefined;
  return matched ?? (choice === 'required' ? tools[0] : undefined);
}

function toMessage(given: ChatRequest['messages'][number], request: ChatRequest): Message {
  const text =
    typeof given.content === 'string' ? given.content : (given.content ?? []).map((part) => part.text ?? '').join('\n');
  const calls = given.tool_calls?.map(({ function: call }) => `${call.name}(${call.arguments ?? ''})`).join('\n');
  const shown = calls ? `${text}\n${calls}` : text;
  if (given.role !== 'tool' || !given.tool_call_id) return { role: given.role, text: shown };
  const asked = request.messages.flatMap((one) => one.tool_calls ?? []).find(({ id }) => id === given.tool_call_id);
  return { role: given.role, text: shown, tool: asked?.function.name ?? 'The tool' };
}

/** The prompt as a chat template would put it; equal beginnings of conversations are equal beginnings of prompts. */
function render(messages: readonly Message[], tools: ChatRequest['tools']): string {
  let text = tools?.length ? `<|tools|>\n${JSON.stringify(tools)}<|end|>\n` : '';
  for (const message of messages) text += `<|${message.role}|>\n${message.text}<|end|>\n`;
  return `${text}<|assistant|>\n`;
}
