import { migrate, type Database } from '@flotilla/database';
import { systemClock, systemRandom, type Clock, type Random, type Service } from '@flotilla/kernel';
import { nestService, type RpcNetwork } from '@flotilla/rpc';
import type { RagConfig } from './config.ts';
import type { Library } from './library.ts';
import { ragMigrations } from './migrations.ts';
import { RagModule } from './rag.module.ts';
import { LIBRARY } from './rag.rpc.ts';

export interface RagPorts {
  rpc: RpcNetwork;
  database: Database;
  clock?: Clock;
  random?: Random;
}

/** Milliseconds after which a file that is still being indexed was given up by whoever began it. */
const ABANDONED_MS = 3_600_000;

/** Documents and retrieval: it serves flotilla.rag.v1.Rag and calls Router.Embed. */
export function createRag(config: RagConfig, ports: RagPorts): Service {
  const { rpc, database, clock = systemClock, random = systemRandom } = ports;
  let serving = false;
  return nestService({
    name: 'rag',
    module: RagModule.with(config, { rpc, database, clock, random }),
    rpc,
    async onStart(app) {
      await migrate(database, ragMigrations);
      await app.get<Library>(LIBRARY).sweep(clock.now() - ABANDONED_MS);
      serving = true;
    },
    ready: async () => serving && (await database.ready()),
    onStop() {
      serving = false;
    },
  });
}
