import { FlotillaError } from '@flotilla/kernel';
import type { Asker } from '../admission/grant.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ChatBody } from './chat-body.ts';
import type { Turn, Turns } from './turns.ts';

/**
 * One turn for each chat of one request. None begins before all are admitted, and when one fails all end: an answer to half
 * of what was asked would be paid for and thrown away. Each is billed by an id of its own. Throws what the first threw.
 */
export async function runSideBySide<T>(
  turns: Turns,
  exchange: Exchange,
  chats: readonly ChatBody[],
  use: (turn: Turn, index: number) => Promise<T>,
): Promise<T[]> {
  if (chats.length === 1) return [await turns.run(exchange, chats[0]!, (turn) => use(turn, 0))];
  const failing = new AbortController();
  const signal = AbortSignal.any([exchange.signal, failing.signal]);
  const admitted = gate(chats.length);
  const { identity, caller } = exchange;
  let first: unknown;
  const running = chats.map(async (chat, index) => {
    const asker: Asker = { identity, signal, caller: { ...caller, requestId: `${caller.requestId}-${index + 1}` } };
    try {
      return await turns.run(asker, chat, async (turn) => {
        await admitted.pass();
        return use(turn, index);
      });
    } catch (error) {
      first ??= error;
      failing.abort(new FlotillaError('cancelled'));
      admitted.close(error);
      throw error;
    }
  });
  const ended = await Promise.allSettled(running);
  return ended.map((end) => {
    if (end.status === 'rejected') throw first;
    return end.value;
  });
}

/** Opens when so many wait at it. */
function gate(count: number): { pass(): Promise<void>; close(error: unknown): void } {
  let missing = count;
  let open!: () => void;
  let close!: (error: unknown) => void;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    close = reject;
  });
  opened.catch(() => undefined);
  return {
    pass() {
      missing -= 1;
      if (missing === 0) open();
      return opened;
    },
    close,
  };
}
