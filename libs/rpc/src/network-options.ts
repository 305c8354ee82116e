import type { Clock, ErrorCode, Random } from '@flotilla/kernel';

/** How long a call may take when its caller does not say, in milliseconds. */
export interface CallDefaults {
  unaryTimeoutMs: number;
  /** Streams: as long as the clients of the public API wait (the OpenAI SDK's default of 10 minutes). */
  streamTimeoutMs: number;
}

/** Told of every call when it ends, so that the host can count it. It must not throw. */
export interface RpcObserver {
  /** `method`: `/package.Service/Method`; `code`: `ok` or a code of the table of errors. */
  onCall(method: string, side: 'client' | 'server', code: ErrorCode | 'ok', seconds: number): void;
}

export interface NetworkOptions {
  clock?: Clock;
  random?: Random;
  observer?: RpcObserver;
  defaults?: Partial<CallDefaults>;
}

export const callDefaults: CallDefaults = { unaryTimeoutMs: 30_000, streamTimeoutMs: 600_000 };
