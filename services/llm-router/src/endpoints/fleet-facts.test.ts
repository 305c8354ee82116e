import { fleet } from '@flotilla/contracts';
import { describe, expect, it } from '@jest/globals';
import { endpointFacts } from './fleet-facts.ts';

const { EngineState } = fleet;
const ready = (engine: Partial<fleet.Engine>) => endpointFacts(fleet.Engine.fromPartial(engine)).ready;

describe('an engine that the fleet tells of', () => {
  it('is ready when it answers', () => {
    expect(ready({ state: EngineState.READY })).toBe(true);
    expect(ready({ state: EngineState.UNHEALTHY })).toBe(false);
    expect(ready({ state: EngineState.STOPPED })).toBe(false);
  });

  it('is taken as ready while nobody has looked yet, unless it has to be started', () => {
    expect(ready({ state: EngineState.STARTING })).toBe(true);
    expect(ready({ state: EngineState.STARTING, managed: true })).toBe(false);
    expect(ready({ state: EngineState.STARTING, onDemand: true })).toBe(false);
  });
});
