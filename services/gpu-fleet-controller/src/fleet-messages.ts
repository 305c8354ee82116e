import { fleet } from '@flotilla/contracts';
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
  const { id, kind, baseUrl, state, models, reason, since, managed, load } = engine;
  return {
    ...{ id, provider: id, kind, baseUrl, reason, since, managed },
    load: load && { ...noAdapters, ...load },
    state: states[state],
    activatable: [],
    models: models.map(({ name, capabilities }) => ({ name, capabilities: [...capabilities] })),
  };
}
