import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { usageRecorded } from '@flotilla/bus';
import { orchestrator, type events } from '@flotilla/contracts';
import { openDatabase, type Database } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { until } from '@flotilla/testkit';
import { startPlatform, type Neighbours, type Platform } from './platform.fixture.ts';

let database: Database;
let platform: Platform;
beforeAll(async () => {
  database = await openDatabase('pglite://memory');
});
afterAll(() => database.close());
afterEach(() => platform.stop());

const yaml = 'models: [{ name: m, targets: [{ provider: p }], price: { input: 2, output: 10 } }]';
const answers: Neighbours['embed'] = async ({ inputs }) => ({
  model: 'm',
  embeddings: inputs.map((_, index) => ({ values: [index] })),
  usage: { promptTokens: 9, completionTokens: 0, cachedTokens: 0, estimated: false },
  price: undefined,
});
const request = (requestId: string) =>
  orchestrator.EmbedRequest.fromPartial({
    request: { caller: { orgId: 'org-a', requestId, keyId: 'key' }, model: 'm', inputs: ['one', 'two'] },
    ...{ reservedTokens: 40, leaseId: 'lease_1' },
  });
const rows = (requestId: string) =>
  database.query('select * from orchestrator.usage where request_id = $1', [requestId]);

describe('embeddings', () => {
  it('are answered by the router, written as usage and told, with cost, lease and what was reserved', async () => {
    platform = await startPlatform(database, { embed: answers }, { yaml });
    const told: events.UsageRecorded[] = [];
    await platform.bus.subscribe(usageRecorded, async ({ records }) => void told.push(...records), {
      consumer: 'test',
    });
    const { embeddings } = await platform.client.embed(request('embed-1'));
    expect(embeddings.map(({ values }) => [...values])).toEqual([[0], [1]]);
    await until(() => told.length === 1);
    const used = { model: 'm', costMicros: 18, reservedTokens: 40, leaseId: 'lease_1', operation: 'embedding' };
    expect(told[0]).toMatchObject({ ...used, usage: { promptTokens: 9 }, outcome: 'completed' });
    expect(await rows('embed-1')).toMatchObject([{ prompt_tokens: 9, cost_micros: 18, operation: 'embedding' }]);
  });

  it('cost what the router says that they cost', async () => {
    const embed: Neighbours['embed'] = async (...call) => ({
      ...(await answers(...call)),
      price: { input: 5, output: 0 },
    });
    platform = await startPlatform(database, { embed }, { yaml });
    await platform.client.embed(request('embed-3'));
    const written = await until(async () => {
      const found = await rows('embed-3');
      return found.length > 0 && found;
    });
    expect(written).toMatchObject([{ cost_micros: 45 }]);
  });

  it('that fail say why, and are written as having used nothing', async () => {
    const embed: Neighbours['embed'] = async () => Promise.reject(new FlotillaError('model_not_found'));
    platform = await startPlatform(database, { embed }, { yaml });
    await expect(platform.client.embed(request('embed-2'))).rejects.toMatchObject({ code: 'model_not_found' });
    const written = await until(async () => {
      const found = await rows('embed-2');
      return found.length > 0 && found;
    });
    expect(written).toMatchObject([{ prompt_tokens: 0, cost_micros: 0, outcome: 'failed', lease_id: 'lease_1' }]);
  });

  it('need a caller', async () => {
    platform = await startPlatform(database, { embed: answers }, { yaml });
    await expect(platform.client.embed({ request: undefined, reservedTokens: 0, leaseId: '' })).rejects.toMatchObject({
      code: 'internal',
    });
  });
});
