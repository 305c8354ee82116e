import { describe, expect, it } from '@jest/globals';
import { standIn } from '../replicas/engine-views.ts';
import { ToldEngines } from './told-engines.ts';

const scope = 'ns/llama';
const { signal } = new AbortController();

describe('a request for an adapter at a controller that stands by', () => {
  it('is told what the one that leads says of it, and waits for the others', async () => {
    const told = new ToldEngines();
    const waits = told.ready(scope, 'sql', signal).catch((error: unknown) => error);
    const refused = { ...standIn(scope, ['sql'], 'there is no adapter at /sql', 0), id: `${scope}/sql`, refused: true };
    told.update(scope, [standIn(scope, ['legal'], 'it is started when it is asked for', 0), refused]);
    const message = 'sql of ns/llama cannot be loaded: there is no adapter at /sql.';
    expect(await waits).toMatchObject({ code: 'engine_unavailable', message });
    const legal = told.ready(scope, 'legal', signal);
    const ready = { ...standIn(scope, [], '', 0), id: 'ns/p1', state: 'ready' } as const;
    told.update(scope, [{ ...ready, models: [{ name: 'legal', capabilities: [] }] }]);
    expect(await legal).toMatchObject({ id: 'ns/p1' });
  });
});
