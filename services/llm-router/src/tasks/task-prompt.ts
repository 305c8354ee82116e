import { chat, type router } from '@flotilla/contracts';
import type { TaskPrompt } from '@flotilla/kernel';

const isInstruction = ({ role }: chat.Message) => role === 'system' || role === 'developer';

/** The request with the task's system message and sampling, where the client gave none of its own. */
export function withTaskPrompt(
  request: router.GenerateRequest,
  fields: Readonly<Record<string, unknown>>,
  prompt: TaskPrompt | undefined,
): router.GenerateRequest {
  if (!prompt) return request;
  const { system, system_when: when, ...sampling } = prompt;
  const missing = Object.entries(sampling).filter(([name, value]) => value !== undefined && fields[name] == null);
  const parametersJson =
    missing.length > 0 ? JSON.stringify({ ...fields, ...Object.fromEntries(missing) }) : request.parametersJson;
  const own = request.messages.filter(isInstruction).length;
  if (system === undefined || (own > 0 && when === 'absent')) return { ...request, parametersJson };
  const message = chat.Message.fromPartial({ role: 'system', content: system });
  // After the client's own, which stand first.
  const at = request.messages.findIndex((one) => !isInstruction(one));
  const to = at < 0 ? request.messages.length : at;
  return { ...request, parametersJson, messages: request.messages.toSpliced(to, 0, message) };
}
