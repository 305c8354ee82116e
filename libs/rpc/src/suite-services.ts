import { router, safety } from '@flotilla/contracts';
import type { FlotillaError } from '@flotilla/kernel';
import type { CallContext, Handlers } from './definition.ts';

export type SafetyHandlers = Handlers<typeof safety.SafetyDefinition>;
export type RouterHandlers = Handlers<typeof router.RouterDefinition>;

type Guard = (request: safety.GuardRequest, context: CallContext) => Promise<Partial<safety.GuardResponse>>;

/** A safety service whose Guard does as told; it echoes by default. */
export function safetyThat(handler: Guard = async ({ text }) => ({ release: text })): SafetyHandlers {
  return {
    check: async () => safety.CheckResponse.fromPartial({ action: safety.Action.ALLOW }),
    guard: async (request, context) => safety.GuardResponse.fromPartial(await handler(request, context)),
  };
}

type Generate = (request: router.GenerateRequest, context: CallContext) => AsyncIterable<router.GenerateEvent>;

export function routerThat(handler: Generate): RouterHandlers {
  return {
    generate: handler,
    embed: async () => router.EmbedResponse.fromPartial({}),
    listModels: async () => router.ModelList.fromPartial({}),
  };
}

export function countTo(count: number): Generate {
  return async function* () {
    for (let index = 0; index < count; index += 1) yield event(`${index}`);
  };
}

export const guard = (text: string) => safety.GuardRequest.fromPartial({ text });
export const generate = (model = 'm') => router.GenerateRequest.fromPartial({ model });
export const embed = () => router.EmbedRequest.fromPartial({});

/** An event that carries a text. */
export function event(reason: string): router.GenerateEvent {
  return { event: { $case: 'waiting', value: { reason } } };
}

export async function collect(stream: AsyncIterable<router.GenerateEvent>, into: string[]): Promise<void> {
  for await (const { event } of stream) into.push(event?.$case === 'waiting' ? event.value.reason : '?');
}

export async function texts(stream: AsyncIterable<router.GenerateEvent>): Promise<string[]> {
  const seen: string[] = [];
  await collect(stream, seen);
  return seen;
}

/** The error of a call that must fail. */
export async function failure(call: Promise<unknown>): Promise<FlotillaError> {
  try {
    await call;
  } catch (error) {
    return error as FlotillaError;
  }
  throw new Error('the call was expected to fail');
}

/** Moments in a handler's life that a test waits for. */
export function tracked() {
  const moment = () => {
    let reach!: () => void;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    return [reached, reach] as const;
  };
  const [entered, enter] = moment();
  const [aborted, abort] = moment();
  const [ended, end] = moment();
  const state = {
    entered,
    aborted,
    ended,
    enter,
    abort,
    end,
    remainingMs: NaN,
    /** Waits like a handler that passes its signal on, and throws its reason. */
    async untilAborted(context: CallContext): Promise<never> {
      state.remainingMs = context.remainingMs();
      await new Promise<void>((resolve) => {
        if (context.signal.aborted) return resolve();
        context.signal.addEventListener('abort', () => resolve(), { once: true });
        enter();
      });
      abort();
      throw context.signal.reason;
    },
  };
  return state;
}
