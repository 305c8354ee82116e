import { checkDepth, invalid, isObject, wrongType, type JsonObject } from './invalid.ts';

type Check = (value: unknown, param: string) => void;

const range =
  (least: number, most: number, whole = false): Check =>
  (value, param) => {
    const expected = whole ? 'an integer' : 'a number';
    if (typeof value !== 'number' || (whole && !Number.isInteger(value))) throw wrongType(param, expected, value);
    if (value < least || value > most) {
      throw invalid(param, `Invalid '${param}': ${value} is not between ${least} and ${most}.`);
    }
  };

const flag: Check = (value, param) => {
  if (typeof value !== 'boolean') throw wrongType(param, 'a boolean', value);
};

const object: Check = (value, param) => {
  if (!isObject(value)) throw wrongType(param, 'an object', value);
};

const text: Check = (value, param) => {
  if (typeof value !== 'string') throw wrongType(param, 'a string', value);
};

/** OpenAI takes 4; engines of this platform take more. */
const mostStops = 16;

const stop: Check = (value, param) => {
  if (typeof value === 'string') return;
  if (!Array.isArray(value)) throw wrongType(param, 'a string or an array of strings', value);
  if (value.length > mostStops) throw invalid(param, `'${param}' holds ${value.length} strings; ${mostStops} at most.`);
  for (const [index, item] of value.entries()) text(item, `${param}[${index}]`);
};

const tools: Check = (value, param) => {
  if (!Array.isArray(value)) throw wrongType(param, 'an array of tools', value);
  if (value.length > 128) throw invalid(param, `'${param}' holds ${value.length} tools; 128 at most.`);
  for (const [index, tool] of value.entries()) {
    const at = `${param}[${index}]`;
    if (!isObject(tool)) throw wrongType(at, 'an object', tool);
    text(tool['type'], `${at}.type`);
    if (tool['type'] !== 'function') continue;
    const target = tool['function'];
    if (!isObject(target)) throw wrongType(`${at}.function`, 'an object', target);
    text(target['name'], `${at}.function.name`);
    if (target['parameters'] !== undefined && target['parameters'] !== null) {
      object(target['parameters'], `${at}.function.parameters`);
    }
  }
};

const toolChoice: Check = (value, param) => {
  if (isObject(value)) return;
  if (typeof value !== 'string') throw wrongType(param, 'a string or an object', value);
  if (!['none', 'auto', 'required'].includes(value)) {
    throw invalid(param, `'${param}' must be none, auto, required, or an object that names a tool.`);
  }
};

const responseFormat: Check = (value, param) => {
  if (!isObject(value)) throw wrongType(param, 'an object', value);
  const { type } = value;
  if (type !== 'text' && type !== 'json_object' && type !== 'json_schema') {
    throw invalid(`${param}.type`, `'${param}.type' must be text, json_object or json_schema.`);
  }
  if (type === 'json_schema') object(value['json_schema'], `${param}.json_schema`);
};

/** The range of a token count: what fits OpenAI's and the contracts' 32 bits with room to multiply. */
export const tokenCount = range(1, 100_000_000, true);

const penalty = range(-2, 2);

/** OpenAI's fields that go to the engine as they are, each with its rule. What is not here passes unchecked: it is the engine's own. */
const rules: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['temperature', range(0, 2)],
  ['top_p', range(0, 1)],
  ['presence_penalty', penalty],
  ['frequency_penalty', penalty],
  ['logprobs', flag],
  ['top_logprobs', range(0, 20, true)],
  ['seed', range(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true)],
  ['stop', stop],
  ['logit_bias', object],
  ['tools', tools],
  ['tool_choice', toolChoice],
  ['parallel_tool_calls', flag],
  ['response_format', responseFormat],
  ['reasoning_effort', text],
]);

/** Fields that are the platform's: never passed on among the parameters. */
const ours = new Set([
  'model',
  'messages',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'flotilla',
  'user',
  'metadata',
  'store',
]);

/**
 * Every other field of the body as one JSON object for the engine. It is written anew from what was parsed and checked,
 * so a key that stood twice in the client's text stands once here. Null means absent, as OpenAI has it.
 */
export function readParameters(body: JsonObject, choices: number): string {
  let parameters: Record<string, unknown> | undefined;
  for (const name in body) {
    if (ours.has(name)) continue;
    const value = body[name];
    if (value === null) continue;
    rules.get(name)?.(value, name);
    checkDepth(value, name);
    // Without a prototype, so that a field called __proto__ is a field like any other.
    parameters ??= Object.create(null) as Record<string, unknown>;
    parameters[name] = value;
  }
  if (choices > 1) (parameters ??= {})['n'] = choices;
  return parameters ? JSON.stringify(parameters) : '{}';
}

export { flag as checkFlag, object as checkObject, text as checkText, range };
