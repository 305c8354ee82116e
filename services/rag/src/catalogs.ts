import { FlotillaError } from '@flotilla/kernel';
import type { Document, Library } from './library.ts';

/** Organisations whose catalog is held, least recently asked for first out. */
const MAX_ORGANISATIONS = 1_000;

interface Catalog {
  generation: number;
  byStore: Map<string, Document[]>;
  all: readonly Document[];
}

/** Which documents each organisation can find now, read again when its generation moved. */
export class Catalogs {
  private readonly library: Library;
  private readonly held = new Map<string, Catalog>();

  constructor(library: Library) {
    this.library = library;
  }

  /** The documents in these stores, or in all when none is named, by number. Throws `not_found` for a store that the organisation has not. */
  async documents(orgId: string, storeIds: readonly string[]): Promise<readonly Document[]> {
    const catalog = await this.of(orgId);
    if (storeIds.length === 0) return catalog.all;
    const chosen = [...new Set(storeIds)].map((id) => {
      const documents = catalog.byStore.get(id);
      if (!documents) throw new FlotillaError('not_found', `There is no vector store '${id}'.`);
      return documents;
    });
    return chosen.length === 1 ? chosen[0]! : chosen.flat().sort((a, b) => a.number - b.number);
  }

  private async of(orgId: string): Promise<Catalog> {
    // Read before the catalog: one that is newer than its number is only read once more than it must be.
    const asked = this.library.generation(orgId);
    const generation = typeof asked === 'number' ? asked : await asked;
    let catalog = this.held.get(orgId);
    if (catalog?.generation !== generation) {
      const { storeIds, documents } = await this.library.catalog(orgId);
      const byStore = new Map<string, Document[]>(storeIds.map((id) => [id, []]));
      for (const document of documents) byStore.get(document.storeId)?.push(document);
      catalog = { generation, byStore, all: documents };
    }
    this.held.delete(orgId);
    this.held.set(orgId, catalog);
    if (this.held.size > MAX_ORGANISATIONS) this.held.delete(this.held.keys().next().value!);
    return catalog;
  }
}
