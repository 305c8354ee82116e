import type { chat } from '@flotilla/contracts';
import { readExtension } from './extension.ts';
import { invalid, isObject, wrongType, type JsonObject } from './invalid.ts';
import { readMessages } from './messages.ts';
import { checkFlag, checkObject, checkText, range, readParameters, tokenCount } from './parameters.ts';

/** `refresh`: ask anew and keep the answer. */
export const cacheUses = ['off', 'exact', 'semantic', 'refresh'] as const;
export type CacheUse = (typeof cacheUses)[number];

/** A chat as the client asked for it, checked. */
export interface ChatBody {
  readonly model: string;
  readonly messages: chat.Message[];
  /** Images, sounds and files among the messages. */
  readonly mediaParts: number;
  readonly parametersJson: string;
  /** The most tokens the client wants for each choice; undefined: as many as it may have. */
  readonly maxTokens: number | undefined;
  readonly choices: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Empty: nothing is remembered. */
  readonly conversationId: string;
  /** Which of OpenAI's shapes asked; absent: chat. */
  readonly operation?: 'chat' | 'completion';
  /** Whether the answer may be one that was given before; absent: as configured for the organisation. */
  readonly cache?: CacheUse;
  /** Undefined: no retrieval. */
  readonly retrieval: { readonly storeIds: string[]; readonly limit: number } | undefined;
}

const choiceCount = range(1, 8, true);
const longestModel = 256;

/** Checks a parsed body of a chat. Throws `invalid_request` with the path of the first field that is wrong. */
export function readChatBody(body: unknown): ChatBody {
  if (!isObject(body)) {
    throw invalid('', `The body must be a JSON object with at least 'model' and 'messages'.`);
  }
  const model = readModel(body);
  const { messages, mediaParts } = readMessages(body['messages']);
  const choices = optional(body, 'n', choiceCount) ?? 1;
  const stream = optional<boolean>(body, 'stream', checkFlag) ?? false;
  optional(body, 'user', checkText);
  optional(body, 'metadata', checkObject);
  optional(body, 'store', checkFlag);
  return {
    model,
    messages,
    mediaParts,
    parametersJson: readParameters(body, choices),
    maxTokens: readMaxTokens(body),
    choices,
    stream,
    includeUsage: readIncludeUsage(body, stream),
    ...readExtension(body['flotilla']),
  };
}

export function readModel({ model }: JsonObject): string {
  if (model === undefined) throw invalid('model', "Missing required parameter: 'model'.");
  if (typeof model !== 'string') throw wrongType('model', 'a string', model);
  if (model === '' || model.length > longestModel) {
    throw invalid('model', `'model' must have 1 to ${longestModel} characters.`);
  }
  return model;
}

function optional<T = number>(
  body: JsonObject,
  name: string,
  check: (value: unknown, param: string) => void,
): T | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  check(value, name);
  return value as T;
}

/** `max_completion_tokens` is the newer name; with both, the smaller counts. */
function readMaxTokens(body: JsonObject): number | undefined {
  const older = optional(body, 'max_tokens', tokenCount);
  const newer = optional(body, 'max_completion_tokens', tokenCount);
  return older !== undefined && newer !== undefined ? Math.min(older, newer) : (newer ?? older);
}

function readIncludeUsage(body: JsonObject, stream: boolean): boolean {
  const options = optional<JsonObject>(body, 'stream_options', checkObject);
  if (!options) return false;
  if (!stream) throw invalid('stream_options', "'stream_options' is only allowed when 'stream' is true.");
  const include = options['include_usage'] ?? false;
  checkFlag(include, 'stream_options.include_usage');
  return include === true;
}
