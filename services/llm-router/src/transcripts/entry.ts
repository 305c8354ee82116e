import type { chat, common, router } from '@flotilla/contracts';
import { costMicros } from '@flotilla/kernel';
import { redactSecrets } from '@flotilla/telemetry';

/** How a chat went. Times are milliseconds. */
export interface Course {
  /** Since 1970. */
  readonly at: number;
  readonly latencyMs: number;
  /** Undefined: no piece came. */
  readonly firstPieceMs: number | undefined;
  readonly status: 'completed' | 'failed' | 'cancelled' | 'refused';
  /** Of the table of errors; empty for a chat that was completed. */
  readonly code: string;
  readonly answerer: chat.Answerer | undefined;
  readonly usage: common.Usage | undefined;
  readonly notices: readonly string[];
  /** By index. */
  readonly choices: readonly ChoiceText[];
}

export interface ChoiceText {
  content: string;
  reasoning: string;
  toolCalls: string;
  finishReason: string;
}

/** Characters of one text that are written; the length is told. */
export const maxTextCharacters = 65_536;

/** What was asked, and for which model; empty: the request was refused before that was known. */
export interface Asked {
  readonly request: router.GenerateRequest;
  readonly model: string;
  readonly routing: chat.Routing;
}

/** One line of JSON. `prompts`: with what was asked and answered, without the secrets in it. */
export function entryLine({ request, model, routing: planned }: Asked, course: Course, prompts: boolean): string {
  const { answerer, usage } = course;
  const caller = request.caller;
  const routing = answerer?.routing ?? planned;
  return JSON.stringify({
    time: new Date(course.at).toISOString(),
    request_id: caller?.requestId ?? '',
    org_id: caller?.orgId ?? '',
    user_id: caller?.userId ?? '',
    key_id: caller?.keyId ?? '',
    conversation_id: request.conversationId,
    asked_model: request.model,
    model,
    provider: answerer?.provider ?? '',
    endpoint: answerer?.endpoint ?? '',
    stream: request.stream,
    status: course.status,
    ...(course.code !== '' && { code: course.code }),
    latency_ms: Math.round(course.latencyMs),
    ...(course.firstPieceMs !== undefined && { first_token_ms: Math.round(course.firstPieceMs) }),
    ...(usage && {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      cached_tokens: usage.cachedTokens,
      estimated: usage.estimated,
      cost_usd: costMicros(usage, answerer?.price) / 1_000_000,
    }),
    attempts: routing.attempts,
    ...filled({ task: routing.task, policy: routing.policy, cache: routing.cache }),
    ...filled({ experiment: routing.experiment, arm: routing.arm }),
    finish_reasons: course.choices.map(({ finishReason }) => finishReason),
    ...(course.notices.length > 0 && { notices: course.notices }),
    ...(prompts && { messages: request.messages.map(messageOf), answer: course.choices.map(answerOf) }),
  });
}

function messageOf({ role, content, partsJson, toolCallId, toolCallsJson }: chat.Message): object {
  const media = partsJson === '' ? 0 : (partsJson.match(/"type"\s*:\s*"(?!text")/g)?.length ?? 0);
  return {
    role,
    content: plain(content),
    ...(media > 0 && { media }),
    ...filled({ tool_call_id: toolCallId, tool_calls: plain(toolCallsJson) }),
  };
}

function answerOf({ content, reasoning, toolCalls }: ChoiceText): object {
  return { content: plain(content), ...filled({ reasoning: plain(reasoning), tool_calls: plain(toolCalls) }) };
}

function plain(text: string): string {
  const clean = redactSecrets(text.slice(0, maxTextCharacters));
  return text.length > maxTextCharacters ? `${clean}… (${text.length} characters)` : clean;
}

/** The fields that are not empty. */
function filled(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
