import type { common } from '@flotilla/contracts';
import { abortable, FlotillaError, type Clock } from '@flotilla/kernel';
import { counter, histogram, rpcSeconds } from '@flotilla/telemetry';
import { bm25 } from './bm25.ts';
import type { Catalogs } from './catalogs.ts';
import type { Embedders } from './embedders.ts';
import type { Document } from './library.ts';
import { nearest } from './nearest.ts';
import { fuse, type Hit } from './ranking.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';

/** Hits of each ranking that are fused. */
const DEPTH = 50;
/** Passages a caller may ask for. */
const MOST = 50;
/** Characters of a question that count. */
const MAX_QUERY = 8_000;
/** Milliseconds of the caller's deadline kept for what comes after the embedding of the question. */
const RESERVE_MS = 20;

const total = histogram({
  name: 'flotilla_rag_retrieve_duration_seconds',
  description: 'What a retrieval takes',
  unit: 's',
  buckets: rpcSeconds,
}).bind({});
const stages = histogram({
  name: 'flotilla_rag_stage_duration_seconds',
  description: 'What the stages of a retrieval take: catalog, read (segments and the vector of the question), score',
  unit: 's',
  buckets: rpcSeconds,
});
const stage = {
  catalog: stages.bind({ stage: 'catalog' }),
  read: stages.bind({ stage: 'read' }),
  score: stages.bind({ stage: 'score' }),
};
const withoutVectors = counter({
  name: 'flotilla_rag_retrievals_without_vectors_total',
  description: 'Retrievals by words alone, because an embedder did not answer in time',
  unit: '{retrieval}',
}).bind({});

export interface RetrieverSettings {
  /** Passages returned when the caller names no number. */
  passages: number;
  /** Milliseconds to wait for the vector of a question. */
  embedTimeoutMs: number;
}

export interface Question {
  readonly caller: common.Caller;
  readonly text: string;
  /** None: all stores of the organisation. */
  readonly storeIds: readonly string[];
  /** 0: the default. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Milliseconds left; Infinity when there is no deadline. */
  readonly remainingMs: number;
}

export interface Passage {
  readonly document: Document;
  /** Place in the document, from 0. */
  readonly chunk: number;
  readonly text: string;
  readonly score: number;
}

export interface Retrieved {
  readonly passages: Passage[];
  /** False: an embedder did not answer, so that words alone found some of it. */
  readonly vectorsUsed: boolean;
}

/** Finds the passages that answer a question: by words (BM25) and by vectors, fused by rank. */
export class Retriever {
  private readonly catalogs: Catalogs;
  private readonly segments: Segments;
  private readonly embedders: Embedders;
  private readonly settings: RetrieverSettings;
  private readonly clock: Clock;

  constructor(
    parts: { catalogs: Catalogs; segments: Segments; embedders: Embedders; clock: Clock },
    settings: RetrieverSettings,
  ) {
    this.catalogs = parts.catalogs;
    this.segments = parts.segments;
    this.embedders = parts.embedders;
    this.clock = parts.clock;
    this.settings = settings;
  }

  async retrieve(question: Question): Promise<Retrieved> {
    const { caller, signal } = question;
    const text = question.text.slice(0, MAX_QUERY);
    if (text.trim() === '') throw new FlotillaError('invalid_request', 'The question is empty.');
    const limit = Math.min(question.limit || this.settings.passages, MOST);

    const began = this.clock.monotonic();
    const listed = await abortable(this.catalogs.documents(caller.orgId, question.storeIds), signal);
    if (listed.length === 0) return { passages: [], vectorsUsed: true };
    const known = this.clock.monotonic();
    const embedders = [...new Set(listed.map(({ embedder }) => embedder))];
    const [found, ...vectors] = await Promise.all([
      abortable(this.segments.of(caller.orgId, listed), signal),
      ...embedders.map((embedder) => this.vector(embedder, text, question, known - began)),
    ]);
    // A document that was deleted since it was listed has no segment.
    const documents = found.includes(undefined) ? listed.filter((_, i) => found[i]) : listed;
    const segments = found.filter((segment) => segment !== undefined);
    const read = this.clock.monotonic();

    const hits = this.rank(text, documents, segments, embedders, vectors, limit);
    const vectorsUsed = !vectors.includes(undefined);
    if (!vectorsUsed) withoutVectors.add(1);
    const ended = this.clock.monotonic();
    stage.catalog.record((known - began) / 1_000);
    stage.read.record((read - known) / 1_000);
    stage.score.record((ended - read) / 1_000);
    total.record((ended - began) / 1_000);
    return {
      passages: hits.map(({ segment, chunk, score }) => ({
        ...{ document: documents[segment]!, chunk, score },
        text: segments[segment]!.texts[chunk]!,
      })),
      vectorsUsed,
    };
  }

  private vector(embedder: string, text: string, { caller, signal, remainingMs }: Question, spentMs: number) {
    const timeoutMs = Math.min(this.settings.embedTimeoutMs, remainingMs - spentMs - RESERVE_MS);
    return this.embedders.question(embedder, text, caller.orgId, { caller, signal, timeoutMs });
  }

  /** One ranking by words over all, one by vectors for each way of embedding: their cosines do not compare, their ranks do. */
  private rank(
    text: string,
    documents: readonly Document[],
    segments: readonly Segment[],
    embedders: readonly string[],
    vectors: readonly (Float32Array | undefined)[],
    limit: number,
  ): Hit[] {
    const rankings = [bm25(segments, text, DEPTH)];
    embedders.forEach((embedder, i) => {
      const vector = vectors[i];
      if (!vector) return;
      const alike =
        embedders.length === 1
          ? segments
          : segments.map((segment, s) => (documents[s]!.embedder === embedder ? segment : undefined));
      rankings.push(nearest(alike, vector, DEPTH));
    });
    return fuse(rankings, limit);
  }
}
