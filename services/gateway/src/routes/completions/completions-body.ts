import { readChatBody, type ChatBody } from '../../chat/chat-body.ts';
import { invalid, isObject, wrongType, type JsonObject } from '../../chat/invalid.ts';
import { checkFlag, range } from '../../chat/parameters.ts';

export interface CompletionsBody {
  /** One chat for each prompt; what is not the prompt is the same in all. */
  readonly chats: readonly ChatBody[];
  readonly prompts: readonly string[];
  /** The prompt stands before its completion. */
  readonly echo: boolean;
}

const mostPrompts = 8;
/** OpenAI's, when the client names none. */
const defaultMaxTokens = 16;
const logprobCount = range(0, 5, true);

/** What only chats have, and what no engine behind a chat does. */
const refused: Readonly<Record<string, string>> = {
  messages: "'messages' belongs to POST /v1/chat/completions; here it is 'prompt'.",
  tools: "'tools' belongs to POST /v1/chat/completions.",
  flotilla: "'flotilla' belongs to POST /v1/chat/completions.",
  suffix: "'suffix' is not taken: no engine here fills in the middle.",
};

/** OpenAI's older body, as chats of one user message. Throws `invalid_request` with the path of the first field that is wrong. */
export function readCompletionsBody(body: unknown): CompletionsBody {
  if (!isObject(body)) throw invalid('', "The body must be a JSON object with 'model' and 'prompt'.");
  for (const name in refused) if (body[name] !== undefined && body[name] !== null) throw invalid(name, refused[name]!);
  const { prompt, echo, best_of: bestOf, logprobs, ...rest } = body;
  const prompts = readPrompts(prompt);
  const echoes = echo ?? false;
  checkFlag(echoes, 'echo');
  if (bestOf !== undefined && bestOf !== null && bestOf !== (body['n'] ?? 1)) {
    throw invalid('best_of', "'best_of' must equal 'n': every completion that is made is sent.");
  }
  const first = readChatBody({
    ...rest,
    ...readLogprobs(logprobs),
    max_tokens: body['max_tokens'] ?? defaultMaxTokens,
    messages: [{ role: 'user', content: prompts[0] }],
  });
  const chats = prompts.map((content): ChatBody => {
    return { ...first, operation: 'completion', messages: [{ ...first.messages[0]!, content }] };
  });
  return { chats, prompts, echo: echoes === true };
}

function readPrompts(prompt: unknown): string[] {
  if (prompt === undefined || prompt === null) throw invalid('prompt', "Missing required parameter: 'prompt'.");
  const list: unknown[] = Array.isArray(prompt) ? prompt : [prompt];
  if (list.length === 0) throw invalid('prompt', "'prompt' is empty: send at least one text.");
  if (list.some((item) => typeof item === 'number' || Array.isArray(item))) {
    throw invalid('prompt', "Token ids are not taken: send 'prompt' as text. Tokenizers differ from model to model.");
  }
  if (list.length > mostPrompts)
    throw invalid('prompt', `'prompt' holds ${list.length} texts; ${mostPrompts} at most.`);
  for (const [index, text] of list.entries()) {
    const at = Array.isArray(prompt) ? `prompt[${index}]` : 'prompt';
    if (typeof text !== 'string') throw wrongType(at, 'a string', text);
    if (text === '') throw invalid(at, `'${at}' is empty.`);
  }
  return list as string[];
}

/** A number here; a flag and a number for chats. */
function readLogprobs(logprobs: unknown): JsonObject {
  if (logprobs === undefined || logprobs === null) return {};
  logprobCount(logprobs, 'logprobs');
  return { logprobs: true, top_logprobs: logprobs };
}
