import { nestService } from '@flotilla/rpc';
import type { Subscription } from '@flotilla/bus';
import type { Service } from '@flotilla/kernel';
import { Activation } from './activation/activation.ts';
import { AnswerCache } from './cache/answer-cache.ts';
import type { RouterConfig } from './config.ts';
import { DemandReport } from './demand/demand-report.ts';
import { Engines } from './generation/engines.ts';
import { FleetWatch } from './endpoints/fleet-watch.ts';
import { subscribeToFleet } from './llm-router.events.ts';
import { LlmRouterModule } from './llm-router.module.ts';
import { PickExchange } from './picking/pick-exchange.ts';
import type { RouterPorts } from './ports.ts';
import { Overrides } from './registry/overrides.ts';
import { RouterDatabase } from './router-database.ts';
import { Transcripts } from './transcripts/transcripts.ts';

/** The service that resolves models to engines and speaks to them; serves flotilla.router.v1.Router. */
export function createRouter(config: RouterConfig, ports: RouterPorts): Service {
  let subscription: Subscription | undefined;
  let engines: Engines | undefined;
  return nestService({
    name: 'llm-router',
    module: LlmRouterModule.with(config, ports),
    rpc: ports.rpc,
    async onStart(app) {
      engines = app.get(Engines);
      // It is looked for while all else goes on.
      void app.get(RouterDatabase)?.start();
      const watch = app.get(FleetWatch);
      subscription = await subscribeToFleet(ports.bus, watch);
      watch.start();
      await app.get(PickExchange).start();
      app.get(DemandReport).start();
      await app.get(Overrides).start();
      await app.get(AnswerCache)?.start();
    },
    drain: (signal) => engines?.drain(signal) ?? Promise.resolve(),
    async onStop(app) {
      app.get(FleetWatch).stop();
      app.get(Activation).close();
      await subscription?.close();
      await app.get(PickExchange).stop();
      app.get(DemandReport).stop();
      await app.get(Overrides).stop();
      await app.get(Engines).close();
      await app.get(Transcripts)?.close();
      await app.get(AnswerCache)?.stop();
      app.get(RouterDatabase)?.stop();
    },
  });
}
