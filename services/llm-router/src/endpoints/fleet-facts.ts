import { fleet } from '@flotilla/contracts';
import { providerKinds } from '@flotilla/kernel';
import type { EndpointFacts, EngineKind } from './endpoint.ts';

const kinds: readonly string[] = providerKinds;

/** An engine in the fleet's words → in the router's. A kind this router does not know is taken for OpenAI-compatible. */
export function endpointFacts(engine: fleet.Engine): EndpointFacts {
  return {
    id: engine.id,
    provider: engine.provider,
    kind: kinds.includes(engine.kind) ? (engine.kind as EngineKind) : 'openai',
    baseUrl: engine.baseUrl,
    ready: engine.state === fleet.EngineState.READY || isUnseen(engine),
    models: engine.models,
    ...(engine.load ?? { waiting: 0 }),
    since: engine.since,
    ...(engine.onDemand && { onDemand: true, activatable: engine.activatable }),
    ...(engine.scope !== '' && { scope: engine.scope }),
    ...(engine.group && { group: engine.group }),
    ...(engine.zone !== '' && { zone: engine.zone }),
  };
}

/** Nobody starts it and nobody has looked yet, e.g. right after the file named it: taken as ready until a request finds otherwise. */
function isUnseen({ state, managed, onDemand }: fleet.Engine): boolean {
  return state === fleet.EngineState.STARTING && !managed && !onDemand;
}
