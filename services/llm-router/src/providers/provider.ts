import type { chat, common, router } from '@flotilla/contracts';
import type { FlotillaError } from '@flotilla/kernel';

/** Builds what an engine of one kind is asked and reads what it answers. It knows no address: the engine client has that from the target. */
export interface ProviderAdapter {
  /** Below the endpoint's base URL. */
  readonly generatePath: string;
  readonly embedPath: string;
  /** The base URL as this kind means it, e.g. without /v1 for Ollama. */
  basePath(pathname: string): string;
  generateBody(model: string, request: router.GenerateRequest): string;
  answer(stream: boolean): AnswerDecoder;
  embedBody(model: string, inputs: readonly string[]): string;
  /** Reads a whole embeddings response. Throws an EngineFailure. */
  embeddings(text: string, inputs: readonly string[]): EmbedAnswer;
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
