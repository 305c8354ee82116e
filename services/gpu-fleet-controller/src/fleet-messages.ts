import { fleet } from '@flotilla/contracts';
import type { AutostartView } from './activation/activation.ts';
import type { EngineState, EngineView } from './engine-view.ts';

const states: Record<EngineState, fleet.EngineState> = {
  stopped: fleet.EngineState.STOPPED,
  starting: fleet.EngineState.STARTING,
  ready: fleet.EngineState.READY,
  unhealthy: fleet.EngineState.UNHEALTHY,
};

const noAdapters = { runningAdapters: [], waitingAdapters: [], maxAdapters: 0 };

/** An engine in the words of the contract. */
export function engineMessage(engine: EngineView): fleet.Engine {
  const { id, provider, kind, baseUrl, state, models, reason, since, managed, load, onDemand, group } = engine;
  return {
    ...{ id, provider, kind, baseUrl, reason, since, managed, onDemand, group },
    ...{ scope: engine.scope ?? '', zone: engine.zone ?? '', refused: engine.refused ?? false },
    load: load && { ...noAdapters, ...load },
    state: states[state],
    activatable: [...engine.activatable],
    models: models.map(({ name, capabilities }) => ({ name, capabilities: [...capabilities] })),
  };
}

/** An engine as another controller told of it. */
export function engineViewOf(engine: fleet.Engine): EngineView {
  const { id, provider, baseUrl, reason, since, managed, load, onDemand, group, models, activatable } = engine;
  const state = (Object.keys(states) as EngineState[]).find((name) => states[name] === engine.state) ?? 'unhealthy';
  return {
    ...{ id, provider, baseUrl, reason, since, managed, load, onDemand, models, activatable, state },
    kind: engine.kind as EngineView['kind'],
    ...(group && { group }),
    ...(engine.scope && { scope: engine.scope }),
    ...(engine.zone && { zone: engine.zone }),
    ...(engine.refused && { refused: true }),
  };
}

export function autostartMessage({
  enabled,
  services,
}: {
  enabled: boolean;
  services: AutostartView[];
}): fleet.Autostart {
  return {
    enabled,
    services: services.map((service) => ({
      ...service,
      models: [...service.models],
      state: states[service.state],
    })),
  };
}
