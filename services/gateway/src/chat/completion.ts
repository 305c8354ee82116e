import type { chat } from '@flotilla/contracts';
import type { Answer } from './answer.ts';
import { engineField, extension, usageObject } from './chunks.ts';
import type { Turn } from './turns.ts';

/** A whole answer as OpenAI's chat.completion. */
export function completionJson({ id, created }: Turn, answer: Answer): string {
  const { model, systemFingerprint, usage } = answer;
  const extra = extension(answer.extras);
  return (
    `{"id":${JSON.stringify(id)},"object":"chat.completion","created":${created},` +
    `"model":${JSON.stringify(model)},"choices":[${answer.choices.map(choiceJson).join(',')}],` +
    `"usage":${JSON.stringify(usageObject(usage))},"service_tier":null,` +
    `"system_fingerprint":${systemFingerprint === '' ? 'null' : JSON.stringify(systemFingerprint)}` +
    `${extra ? `,"flotilla":${JSON.stringify(extra)}` : ''}}`
  );
}

function choiceJson(choice: chat.Choice): string {
  const { index, role, content, reasoning, toolCallsJson, refusal, logprobsJson, finishReason } = choice;
  // OpenAI says null where a choice has no text at all.
  const none = content === '' && (toolCallsJson !== '' || refusal !== '');
  return (
    `{"index":${index},"message":{"role":${JSON.stringify(role || 'assistant')},` +
    `"content":${none ? 'null' : JSON.stringify(content)},"refusal":${refusal === '' ? 'null' : JSON.stringify(refusal)}` +
    (reasoning === '' ? '' : `,"reasoning_content":${JSON.stringify(reasoning)}`) +
    (toolCallsJson === '' ? '' : `,"tool_calls":${toolCallsJson}`) +
    `},"logprobs":${logprobsJson === '' ? 'null' : logprobsJson},"finish_reason":${JSON.stringify(finishReason || 'stop')}${engineField(choice)}}`
  );
}
