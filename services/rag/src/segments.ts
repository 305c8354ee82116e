import { setImmediate as nextTurn } from 'node:timers/promises';
import { gauge } from '@flotilla/telemetry';
import type { Document, Library } from './library.ts';
import { SegmentBuilder, type Segment } from './segment.ts';

const held = gauge({
  name: 'flotilla_rag_cached_chunks',
  description: 'Passages whose index is in memory',
  unit: '{chunk}',
}).bind({});

/** The segments in memory. The database has them all; this holds those last asked for. */
export class Segments {
  private readonly library: Library;
  /** Least recently asked for first. */
  private readonly cached = new Map<number, Segment>();
  private readonly loading = new Map<string, Promise<void>>();
  private readonly maxChunks: number;
  private chunks = 0;

  constructor(library: Library, maxChunks: number) {
    this.library = library;
    this.maxChunks = maxChunks;
  }

  /** Those of the documents, in order. What is not in memory is read first; one that was deleted meanwhile is left out. */
  async of(orgId: string, documents: readonly Document[]): Promise<(Segment | undefined)[]> {
    let found = this.look(documents);
    if (!found.includes(undefined)) return found;
    // Questions of one organisation that come together wait for one reading.
    for (let running = this.loading.get(orgId); running; running = this.loading.get(orgId)) {
      await running.catch(() => undefined);
    }
    const read = new Map<number, Segment>();
    found = this.look(documents);
    const missing = documents.filter((_, i) => found[i] === undefined);
    if (missing.length === 0) return found;
    const loading = this.read(orgId, missing, read);
    this.loading.set(orgId, loading);
    try {
      await loading;
    } finally {
      if (this.loading.get(orgId) === loading) this.loading.delete(orgId);
    }
    // From what was read rather than from memory: more than fits may have been asked for.
    return documents.map(({ number }, i) => found[i] ?? read.get(number));
  }

  add(document: number, segment: Segment): void {
    this.forget(document);
    this.cached.set(document, segment);
    this.chunks += segment.size;
    for (const [oldest, { size }] of this.cached) {
      if (this.chunks <= this.maxChunks || oldest === document) break;
      this.cached.delete(oldest);
      this.chunks -= size;
    }
    held.set(this.chunks);
  }

  private look(documents: readonly Document[]): (Segment | undefined)[] {
    return documents.map(({ number }) => {
      const segment = this.cached.get(number);
      if (segment) {
        this.cached.delete(number);
        this.cached.set(number, segment);
      }
      return segment;
    });
  }

  private async read(orgId: string, documents: readonly Document[], into: Map<number, Segment>): Promise<void> {
    let current = -1;
    let builder = new SegmentBuilder();
    const close = () => {
      if (builder.size === 0) return;
      const segment = builder.build();
      this.add(current, segment);
      into.set(current, segment);
      builder = new SegmentBuilder();
    };
    for await (const page of this.library.chunks(orgId, documents)) {
      for (const chunk of page) {
        if (chunk.document !== current) close();
        current = chunk.document;
        builder.add(chunk);
      }
      await nextTurn();
    }
    close();
  }

  private forget(document: number): void {
    this.chunks -= this.cached.get(document)?.size ?? 0;
    this.cached.delete(document);
  }
}
