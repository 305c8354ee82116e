import type { DynamicModule } from '@nestjs/common';
import type { Bus } from '@flotilla/bus';
import { limits, rag, router, safety } from '@flotilla/contracts';
import type { Database } from '@flotilla/database';
import {
  ModelPrices,
  systemClock,
  systemRandom,
  type Clock,
  type Live,
  type PlatformFile,
  type Random,
} from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';
import type { TurnParts } from './chat-turn.ts';
import type { OrchestratorConfig } from './config.ts';
import { publishTo } from './orchestrator.events.ts';
import { OrchestratorRpc, TURN_PARTS } from './orchestrator.rpc.ts';
import { Outbox } from './outbox.ts';
import { postgresOutboxStore } from './outbox-store.postgres.ts';
import { TurnJournal } from './turn-journal.ts';
import { postgresTurnStore } from './turn-store.postgres.ts';

export interface OrchestratorPorts {
  rpc: RpcNetwork;
  bus: Bus;
  database: Database;
  file: Live<PlatformFile>;
  clock?: Clock;
  random?: Random;
}

export class OrchestratorModule {
  static with(config: OrchestratorConfig, ports: OrchestratorPorts): DynamicModule {
    const { rpc, bus, database, file, clock = systemClock, random = systemRandom } = ports;
    const store = postgresTurnStore(database);
    return {
      module: OrchestratorModule,
      controllers: [OrchestratorRpc],
      providers: [
        {
          provide: Outbox,
          useFactory: () =>
            new Outbox({
              store: postgresOutboxStore(database),
              publish: publishTo(bus),
              ...{ clock, pollMs: config.outboxPollMs, claimMs: config.outboxClaimMs },
            }),
        },
        {
          provide: TurnJournal,
          inject: [Outbox],
          useFactory: (outbox: Outbox) =>
            new TurnJournal({
              ...{ store, clock, onWritten: (row) => outbox.offer(row), claimMs: config.outboxClaimMs },
              ...{ maxRows: config.commitRows, waitMs: config.usageWaitMs, maxPending: config.pendingRows },
            }),
        },
        {
          provide: TURN_PARTS,
          inject: [TurnJournal],
          useFactory: (journal: TurnJournal): TurnParts => ({
            ...{ config, file, clock, random, store, journal, prices: new ModelPrices(file) },
            safety: rpc.client(safety.SafetyDefinition),
            rag: rpc.client(rag.RagDefinition),
            router: rpc.client(router.RouterDefinition),
            limiter: rpc.client(limits.LimitsDefinition),
          }),
        },
      ],
    };
  }
}
