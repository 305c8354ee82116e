import type { chat, router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { estimateBounds, isSurelyBelow, tokensOfMessage, tokensOfParameters } from './token-estimate.ts';
import { fromTurn, lastTurn, turnNumbers } from './turns.ts';

/** The least that is left for an answer that may be longer, in tokens. */
const leastAnswer = 64;
/** What an answer’s limit is lowered to leaves so much room for the prompt, of what is estimated. */
const answerMargin = 1.1;

export interface Fitted {
  readonly request: router.GenerateRequest;
  readonly notices: readonly chat.Notice[];
}

/**
 * Makes a request fit the model's context window of so many tokens. `truncate` leaves out the oldest turns, whole, never the
 * current one. An answer's limit that the window cannot hold beside the prompt is lowered: an engine would refuse it.
 * Throws `context_length_exceeded` when the prompt alone is longer than the window by the lowest estimate.
 */
export function fitContext(request: router.GenerateRequest, window: number, fit: 'refuse' | 'truncate'): Fitted {
  const { messages, parametersJson, maxTokens } = request;
  if (isSurelyBelow(window - maxTokens, messages, parametersJson)) return { request, notices: [] };
  const sizes = messages.map(tokensOfMessage);
  const around = tokensOfParameters(parametersJson);
  let tokens = sizes.reduce((sum, size) => sum + size, around);
  const notices: chat.Notice[] = [];
  let kept = messages;

  if (fit === 'truncate') {
    // A limit of the answer that is most of the window would leave no room for any history.
    const room = (window - Math.min(maxTokens, window >> 1)) / estimateBounds.highest;
    const turns = turnNumbers(messages);
    const last = lastTurn(turns);
    let first = 0;
    for (; first < last && tokens > room; first += 1) {
      tokens -= sizes.reduce((sum, size, index) => (turns[index] === first ? sum + size : sum), 0);
    }
    if (first > 0) {
      kept = fromTurn(messages, turns, first);
      const what = first === 1 ? 'The oldest turn was' : `The ${first} oldest turns were`;
      notices.push({ code: 'history_truncated', message: `${what} left out to fit the model’s ${window} tokens.` });
    }
  }
  const least = Math.ceil(tokens * estimateBounds.lowest);
  if (least >= window) throw tooLong(least, window);

  const shorter = { ...request, messages: kept };
  // An engine may still refuse what is nearer to its window than the estimate is exact.
  if (least + maxTokens <= window) return { request: shorter, notices };
  const answer = Math.max(window - Math.ceil(tokens * answerMargin), leastAnswer);
  if (answer >= maxTokens) return { request: shorter, notices };
  const message = `The answer may have ${answer} tokens: the model’s window of ${window} holds no more beside the prompt.`;
  return {
    request: { ...shorter, maxTokens: answer },
    notices: [...notices, { code: 'max_tokens_lowered', message }],
  };
}

function tooLong(tokens: number, window: number): FlotillaError {
  return new FlotillaError(
    'context_length_exceeded',
    `The prompt has about ${tokens} tokens; the model’s context window holds ${window}. Send less of it, or ask a model with a longer window.`,
    { details: { param: 'messages' } },
  );
}
