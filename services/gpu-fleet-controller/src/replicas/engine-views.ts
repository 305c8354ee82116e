import { fleetProvider } from '@flotilla/kernel';
import type { EngineState, EngineView, ServedModel } from '../engine-view.ts';
import type { ReplicaState } from '../models/world.ts';
import type { PodEngine } from './pod-engine.ts';

/** As routers know it. What drains, sleeps or ends is out of use; what fails or is lost should serve and does not. */
const states: Readonly<Record<ReplicaState, EngineState>> = {
  pending: 'starting',
  starting: 'starting',
  ready: 'ready',
  draining: 'stopped',
  asleep: 'stopped',
  ending: 'stopped',
  failing: 'unhealthy',
  lost: 'unhealthy',
};

export interface ViewContext {
  /** `<namespace>/<model>`. */
  readonly scope: string;
  /** Of an engine that does not tell its own. */
  readonly capabilities: readonly string[];
  /** By version. Undefined: anywhere. */
  readonly shares: ReadonlyMap<string, number> | undefined;
  isHidden(engine: PodEngine, model: string): boolean;
}

export function engineView(engine: PodEngine, { scope, capabilities, shares, isHidden }: ViewContext): EngineView {
  const { facts, since, load, reason } = engine;
  const state = states[engine.state];
  const share = shares?.get(facts.revision);
  const told = ({ name, capabilities: own }: ServedModel): ServedModel => ({
    name,
    capabilities: own.length > 0 ? own : [...capabilities],
  });
  const serving = state === 'ready';
  return {
    ...{ id: engine.id, provider: fleetProvider, kind: 'vllm', baseUrl: `${engine.address}/v1`, state, reason, since },
    ...{ managed: false, onDemand: true, activatable: [], scope },
    models: serving ? engine.models.filter(({ name }) => !isHidden(engine, name)).map(told) : [],
    load: serving ? load : undefined,
    ...(share !== undefined && { group: { name: facts.revision, share } }),
    ...(facts.zone !== '' && { zone: facts.zone }),
  };
}

/** What stands for what no replica serves now, so that requests for it are held. */
export function standIn(scope: string, activatable: readonly string[], reason: string, since: number): EngineView {
  return {
    ...{ id: scope, provider: fleetProvider, kind: 'vllm', baseUrl: '', state: 'stopped', reason, since },
    ...{ managed: false, onDemand: true, activatable, scope, models: [], load: undefined },
  };
}
