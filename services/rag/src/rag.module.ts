import type { DynamicModule } from '@nestjs/common';
import type { Database } from '@flotilla/database';
import type { Clock, Random } from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';
import { Catalogs } from './catalogs.ts';
import type { RagConfig } from './config.ts';
import { routerEmbedder } from './embedder.router.ts';
import { Embedders } from './embedders.ts';
import { Indexer } from './indexer.ts';
import type { Library } from './library.ts';
import { PostgresLibrary } from './library.postgres.ts';
import { CONFIG, LIBRARY, RagRpc } from './rag.rpc.ts';
import { Retriever } from './retriever.ts';
import { Segments } from './segments.ts';

export interface RagParts {
  rpc: RpcNetwork;
  database: Database;
  clock: Clock;
  random: Random;
}

export class RagModule {
  static with(config: RagConfig, { rpc, database, clock, random }: RagParts): DynamicModule {
    return {
      module: RagModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LIBRARY, useValue: new PostgresLibrary(database, clock, random) },
        { provide: Embedders, useValue: new Embedders(routerEmbedder(rpc)) },
        {
          provide: Catalogs,
          useFactory: (library: Library) => new Catalogs(library),
          inject: [LIBRARY],
        },
        {
          provide: Segments,
          useFactory: (library: Library) => new Segments(library, config.cachedChunks),
          inject: [LIBRARY],
        },
        {
          provide: Indexer,
          useFactory: (library: Library, embedders: Embedders, segments: Segments) =>
            new Indexer(library, embedders, segments, config),
          inject: [LIBRARY, Embedders, Segments],
        },
        {
          provide: Retriever,
          useFactory: (catalogs: Catalogs, segments: Segments, embedders: Embedders) =>
            new Retriever({ catalogs, segments, embedders, clock }, config),
          inject: [Catalogs, Segments, Embedders],
        },
      ],
      controllers: [RagRpc],
    };
  }
}
