import { FlotillaError } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Embedder, EmbedRequest } from './embedder.ts';
import { HASHING, hashingVector } from './embedder.hashing.ts';
import { normalised } from './segment.ts';

const REMOTE = 'router:';
/** Vectors of questions kept, the oldest out first. */
const MAX_QUESTIONS = 512;

const log = logger('rag');

type Call = Omit<EmbedRequest, 'model' | 'texts'>;

/** All ways to embed, by the name that a store remembers: `hashing-384-v1`, or `router:` and the model. */
export class Embedders {
  private readonly remote: Embedder;
  private readonly questions = new Map<string, Float32Array>();

  constructor(remote: Embedder) {
    this.remote = remote;
  }

  /**
   * Embeds passages. `embedder` undefined: an embedding model if one answers, else hashing. A store that has decided gets what it has
   * decided or an error: vectors of two makings in one store would not compare.
   */
  async passages(
    embedder: string | undefined,
    texts: readonly string[],
    call: Call,
  ): Promise<{ embedder: string; vectors: Float32Array[] }> {
    if (embedder === HASHING) return { embedder, vectors: texts.map(hashingVector) };
    const model = embedder?.slice(REMOTE.length) ?? '';
    try {
      const answer = await this.remote.embed({ ...call, model, texts });
      const answered = REMOTE + answer.model;
      if (embedder === undefined || answered === embedder) return { embedder: answered, vectors: answer.vectors };
      throw new FlotillaError('engine_error', `'${answer.model}' answered in place of '${model}'.`);
    } catch (cause) {
      if (embedder !== undefined) {
        throw new FlotillaError('unavailable', `The embedding model of this store, '${model}', does not answer.`, {
          cause,
        });
      }
      call.signal.throwIfAborted();
      log.info('no embedding model answers: the store is embedded by hashing', { code: codeOf(cause) });
      return { embedder: HASHING, vectors: texts.map(hashingVector) };
    }
  }

  /** The vector of a question at length 1, or undefined when the embedder does not answer in time. `tenant`: who may find it remembered. */
  async question(embedder: string, text: string, tenant: string, call: Call): Promise<Float32Array | undefined> {
    const name = `${tenant}\n${embedder}\n${text}`;
    const known = this.questions.get(name);
    if (known) return known;
    let vector: Float32Array;
    if (embedder === HASHING) {
      vector = hashingVector(text);
    } else {
      if (call.timeoutMs <= 0) return undefined;
      try {
        const model = embedder.slice(REMOTE.length);
        const answer = await this.remote.embed({ ...call, model, texts: [text] });
        if (answer.model !== model) return undefined;
        vector = answer.vectors[0]!;
      } catch (error) {
        call.signal.throwIfAborted();
        log.debug('no vector for a question', { embedder, code: codeOf(error) });
        return undefined;
      }
    }
    vector = normalised(vector);
    this.questions.set(name, vector);
    if (this.questions.size > MAX_QUESTIONS) this.questions.delete(this.questions.keys().next().value!);
    return vector;
  }
}

function codeOf(error: unknown): string {
  return error instanceof FlotillaError ? error.code : 'internal';
}
