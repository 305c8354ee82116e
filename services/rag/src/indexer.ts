import { setImmediate as nextTurn } from 'node:timers/promises';
import type { common } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { counter } from '@flotilla/telemetry';
import { chunksOf } from './chunker.ts';
import type { Embedders } from './embedders.ts';
import type { Library, StoreFile } from './library.ts';
import { SegmentBuilder, storable } from './segment.ts';
import type { Segments } from './segments.ts';

/** Chunks embedded and written at once. */
const BATCH = 64;

const indexed = counter({
  name: 'flotilla_rag_indexed_chunks_total',
  description: 'Passages that were embedded and indexed',
  unit: '{chunk}',
}).bind({});

export interface IndexerLimits {
  maxChunksPerOrganisation: number;
  /** Milliseconds for the embeddings of one batch. */
  indexEmbedTimeoutMs: number;
}

export interface IndexRequest {
  readonly caller: common.Caller;
  readonly storeId: string;
  readonly fileId: string;
  readonly signal: AbortSignal;
}

/**
 * Puts files into stores. Nobody finds a document before it is whole: its chunks are written in small statements (an embedded
 * database shares its one connection with everybody) and a last transaction makes it known.
 */
export class Indexer {
  private readonly library: Library;
  private readonly embedders: Embedders;
  private readonly segments: Segments;
  private readonly limits: IndexerLimits;

  constructor(library: Library, embedders: Embedders, segments: Segments, limits: IndexerLimits) {
    this.library = library;
    this.embedders = embedders;
    this.segments = segments;
    this.limits = limits;
  }

  /** Idempotent: a file that is in the store already stays as it is. */
  async add(request: IndexRequest): Promise<StoreFile> {
    const { caller, storeId, fileId, signal } = request;
    const { orgId } = caller;
    const decided = await this.library.embedderOf(orgId, storeId);
    const { content } = await this.library.contentOf(orgId, fileId);
    const present = await this.library.storeFile(orgId, storeId, fileId);
    if (present?.status === 'completed') return present;
    signal.throwIfAborted();

    const texts = await this.cut(content, signal);
    if (texts.length === 0) {
      const document = await this.library.beginDocument(orgId, storeId, fileId, decided ?? '');
      return this.library.endDocument(orgId, document, { chunks: 0, error: 'The file holds no text.' });
    }
    const { maxChunksPerOrganisation: most } = this.limits;
    const taken = await this.library.countChunks(orgId);
    if (taken + texts.length > most) {
      throw new FlotillaError(
        'invalid_request',
        `The file makes ${texts.length} passages and ${taken} of ${most} are taken. Delete files or split it.`,
      );
    }

    // The first batch decides how a new store is embedded; a store that somebody else decided meanwhile is embedded that way.
    let batch = await this.embed(decided, texts.slice(0, BATCH), request);
    const embedder = await this.library.decideEmbedder(orgId, storeId, batch.embedder);
    if (embedder !== batch.embedder) batch = await this.embed(embedder, texts.slice(0, BATCH), request);

    const document = await this.library.beginDocument(orgId, storeId, fileId, embedder);
    try {
      const segment = new SegmentBuilder();
      for (let at = 0; at < texts.length; at += BATCH) {
        if (at > 0) batch = await this.embed(embedder, texts.slice(at, at + BATCH), request);
        const written = batch.vectors.map((vector, i) => ({
          ...{ document, position: at + i, text: texts[at + i]!, embedding: storable(vector) },
        }));
        await this.library.addChunks(written);
        for (const chunk of written) segment.add(chunk);
        await nextTurn();
        signal.throwIfAborted();
      }
      const outcome = await this.library.endDocument(orgId, document, { chunks: texts.length, error: '' });
      this.segments.add(document, segment.build());
      indexed.add(texts.length);
      return outcome;
    } catch (error) {
      // What cannot be removed now is swept at the next start.
      await this.library.abandonDocument(orgId, document).catch(() => undefined);
      throw error;
    }
  }

  /** A text of megabytes takes a second to cut: others have their turn in between. */
  private async cut(content: string, signal: AbortSignal): Promise<string[]> {
    const texts: string[] = [];
    for (const text of chunksOf(content)) {
      texts.push(text);
      if (texts.length % BATCH > 0) continue;
      await nextTurn();
      signal.throwIfAborted();
    }
    return texts;
  }

  private embed(embedder: string | undefined, texts: readonly string[], { caller, signal }: IndexRequest) {
    return this.embedders.passages(embedder, texts, { caller, signal, timeoutMs: this.limits.indexEmbedTimeoutMs });
  }
}
