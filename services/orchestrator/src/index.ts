import { migrate } from '@flotilla/database';
import type { Service } from '@flotilla/kernel';
import { nestService } from '@flotilla/rpc';
import type { OrchestratorConfig } from './config.ts';
import { orchestratorMigrations } from './migrations.ts';
import { OrchestratorModule, type OrchestratorPorts } from './orchestrator.module.ts';
import { Outbox } from './outbox.ts';
import { TurnJournal } from './turn-journal.ts';

export { orchestratorConfigSchema, orchestratorDefaults, type OrchestratorConfig } from './config.ts';
export type { OrchestratorPorts } from './orchestrator.module.ts';
export { orchestratorTarget } from './host-target.ts';
export { orchestratorMigrations } from './migrations.ts';

/** Plans chat turns and carries them out, served as flotilla.orchestrator.v1.Orchestrator. */
export function createOrchestrator(config: OrchestratorConfig, ports: OrchestratorPorts): Service {
  const { rpc, database } = ports;
  return nestService({
    name: 'orchestrator',
    module: OrchestratorModule.with(config, ports),
    rpc,
    async onStart(app) {
      await migrate(database, orchestratorMigrations);
      app.get(Outbox).start();
    },
    async onStop(app) {
      await app.get(TurnJournal).close();
      await app.get(Outbox).stop();
    },
  });
}
