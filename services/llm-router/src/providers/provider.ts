import type { chat, common, router } from '@flotilla/contracts';
import type { FlotillaError } from '@flotilla/kernel';
import type { Account } from './account.ts';
import type { Asked, EngineCall, Receiver, Wire } from './exchange.ts';

/**
 * Builds what an engine of one kind is asked and reads what it answers. It knows no address and makes no connection: the
 * engine client has the one from the target and alone makes the other.
 */
export interface ProviderAdapter {
  /** Below the endpoint's base URL. */
  readonly generatePath: string;
  readonly embedPath: string;
  /** Whether it goes on with an answer that stands as the last message, when `continue_final_message` says so. */
  readonly continues?: boolean;
  /** What it offers; absent: it does not say. */
  readonly list?: ModelList;
  /** The base URL as this kind means it, e.g. without /v1 for Ollama. */
  basePath(pathname: string): string;
  /** The headers that say who asks, names and values in turn. */
  credentials(account: Account, key: string | undefined): string[];
  /** Throws a FlotillaError for what engines of this kind cannot be asked: `capability_mismatch` when those of another may. */
  generateBody(model: string, request: router.GenerateRequest, account: Account): string;
  /** `redact` takes the provider's key out of what an engine says. `extras`: pieces carry what else it says, at the cost of parsing each. */
  answer(stream: boolean, redact: Redact, extras?: boolean): AnswerDecoder;
  embedBody(model: string, inputs: readonly string[]): string;
  /** Reads a whole embeddings response. Throws an EngineFailure. */
  embeddings(text: string, inputs: readonly string[]): EmbedAnswer;
  /** Where an answer takes several requests; absent: it is one POST to the path. */
  converse?(wire: Wire, asked: Asked, account: Account, receiver: Receiver): EngineCall;
}

export type Redact = (text: string) => string;

export interface ModelList {
  /** Of a GET, below the endpoint's base URL. */
  readonly path: string;
  /** Asking for it may start a machine that is paid for: it is asked for on demand only. */
  readonly wakes?: boolean;
  /** Undefined: not such a list. */
  read(body: unknown): router.OfferedModel[] | undefined;
}

/** Reads one answer. Every method may throw an EngineFailure. */
export interface AnswerDecoder {
  /** Takes the bytes of one read and appends the pieces in them. */
  write(bytes: Buffer, choices: chat.Choice[]): void;
  /** The response ended. Throws when the answer is not whole: a cut stream never looks complete. */
  end(choices: chat.Choice[]): void;
  /** The engine said that nothing more comes. */
  readonly done: boolean;
  /** What the engine says it used, so far or in all. */
  readonly usage: common.Usage | undefined;
  readonly systemFingerprint: string;
}

export interface EmbedAnswer {
  /** In the order of the inputs. */
  readonly vectors: number[][];
  readonly usage: common.Usage | undefined;
}

/** Why an engine did not answer, and what may be done about it. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure';
  /** What the client is told when nothing helps. */
  readonly error: FlotillaError;
  /** Another engine may do better. */
  readonly failover: boolean;
  /** The engine itself is away or hangs: it is set aside. */
  readonly unreachable: boolean;
  /** Perhaps a kept connection that the engine had closed: the same engine may get one more try. */
  readonly stale: boolean;

  constructor(error: FlotillaError, traits: { failover?: boolean; unreachable?: boolean; stale?: boolean } = {}) {
    super(error.message, { cause: error });
    this.error = error;
    this.failover = traits.failover ?? false;
    this.unreachable = traits.unreachable ?? false;
    this.stale = traits.stale ?? false;
  }
}
