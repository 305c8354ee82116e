import { chat, type router } from '@flotilla/contracts';
import type { PersonaConfig } from '@flotilla/kernel';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Account } from './account.ts';
import type { AnswerDecoder, ProviderAdapter } from './provider.ts';

/** Limits of time, in milliseconds. */
export interface TimeLimits {
  readonly connectTimeoutMs: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

export interface TargetParts {
  readonly endpoint: Endpoint;
  readonly adapter: ProviderAdapter;
  /** The model as the engine calls it. */
  readonly model: string;
  readonly account: Account;
  /** Whom the model speaks as. */
  readonly persona?: PersonaConfig | undefined;
}

/**
 * An engine, the way to speak to it and the model to ask it for. The registry alone makes targets, and the engine client
 * takes nothing else: a request reaches no engine that its model's name did not resolve to.
 */
export class Target {
  readonly endpoint: Endpoint;
  readonly adapter: ProviderAdapter;
  readonly model: string;
  readonly account: Account;
  readonly persona: PersonaConfig | undefined;

  constructor({ endpoint, adapter, model, account, persona }: TargetParts) {
    this.endpoint = endpoint;
    this.adapter = adapter;
    this.model = model;
    this.account = account;
    this.persona = persona;
  }

  get limits(): TimeLimits {
    return this.account.limits;
  }

  /** Header names and values in turn, as undici takes them. */
  headers(requestId: string): string[] {
    const headers = this.account.headers(this.adapter);
    headers.push('content-type', 'application/json');
    if (/^[\x21-\x7e]{1,128}$/.test(requestId)) headers.push('x-request-id', requestId);
    return headers;
  }

  /** The request as the engine is asked it. */
  asked(request: router.GenerateRequest): router.GenerateRequest {
    if (!this.persona) return request;
    return { ...request, messages: spokenAs(this.persona.system_prompt, request.messages) };
  }

  answer(stream: boolean, extras: boolean): AnswerDecoder {
    return this.adapter.answer(stream, (text) => this.redact(text), extras);
  }

  /** The text without the provider's key, or what engines show of it. */
  redact(text: string): string {
    return this.account.redact(text);
  }
}

/** One system message, not two: many chat templates take the first only, or refuse a second. */
function spokenAs(prompt: string, messages: readonly chat.Message[]): chat.Message[] {
  const [first, ...others] = messages;
  if (first && first.partsJson === '' && (first.role === 'system' || first.role === 'developer')) {
    return [{ ...first, content: `${prompt}\n\n${first.content}` }, ...others];
  }
  return [chat.Message.fromPartial({ role: 'system', content: prompt }), ...messages];
}
