import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { aborted, allows, devKey, embeds, refuses, startPlatform, type Platform } from '../../platform.fixture.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
beforeEach(() => {
  platform.behind.embed = embeds;
  platform.behind.reserve = async () => allows();
  platform.behind.embeds.length = 0;
  platform.behind.reserves.length = 0;
});
afterAll(() => platform.stop());

const post = (body: object, signal?: AbortSignal) =>
  fetch(`${platform.url}/v1/embeddings`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', ...body }),
    signal: signal ?? null,
  });

describe('embeddings', () => {
  it('come in the order of the inputs, with what they used', async () => {
    const response = await post({ input: ['a', 'b'], user: 'u' });
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    expect(await response.json()).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [0, 0.5] },
        { object: 'embedding', index: 1, embedding: [1, 0.5] },
      ],
      model: 'm',
      usage: { prompt_tokens: 4, total_tokens: 4 },
    });
    expect(platform.behind.embeds[0]!.request).toMatchObject({ model: 'm', inputs: ['a', 'b'] });
  });

  it('come as 32-bit floats in base64 when asked for', async () => {
    const { data } = (await (await post({ input: 'a', encoding_format: 'base64' })).json()) as {
      data: { embedding: string }[];
    };
    const bytes = Buffer.from(data[0]!.embedding, 'base64');
    expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([8, 0, 0.5]);
  });

  it('are cut, and of length 1 again, for models that say they may be', async () => {
    platform.behind.embed = async () => ({
      ...{ model: 'cuttable', embeddings: [{ values: [3, 4, 12] }] },
      ...{ usage: undefined, price: undefined },
    });
    const { data } = (await (await post({ model: 'cuttable', input: 'a', dimensions: 2 })).json()) as {
      data: { embedding: number[] }[];
    };
    expect(data[0]!.embedding).toEqual([0.6, 0.8]);
    const longer = await post({ model: 'cuttable', input: 'a', dimensions: 4 });
    expect(longer.status).toBe(400);
  });

  it('of other models are not cut', async () => {
    const response = await post({ input: 'a', dimensions: 2 });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param: 'dimensions' } });
    expect(platform.behind.embeds).toEqual([]);
  });

  it('are refused by limits before they cost anything', async () => {
    platform.behind.reserve = async () => refuses('tokens_per_minute', 900);
    const response = await post({ input: 'a' });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(platform.behind.embeds).toEqual([]);
  });

  it('fail as the engine fails', async () => {
    platform.behind.embed = async () => {
      throw new FlotillaError('engine_unavailable');
    };
    const response = await post({ input: 'a' });
    expect(response.status).toBe(503);
    expect(response.headers.get('x-should-retry')).toBe('true');
  });

  it('end when the client leaves', async () => {
    let started!: () => void;
    let left!: () => void;
    const begun = new Promise<void>((resolve) => (started = resolve));
    const gone = new Promise<void>((resolve) => (left = resolve));
    platform.behind.embed = async (_request, { signal }) => {
      started();
      await aborted(signal);
      left();
      throw new FlotillaError('cancelled');
    };
    const leaving = new AbortController();
    const answer = post({ input: 'a' }, leaving.signal).catch((error: Error) => error.name);
    await begun;
    leaving.abort();
    await gone;
    expect(await answer).toBe('AbortError');
  });

  it.each([
    ['no input', {}, 'input'],
    ['no texts', { input: [] }, 'input'],
    ['token ids', { input: [1, 2] }, 'input'],
    ['lists of token ids', { input: [[1], [2]] }, 'input'],
    ['too many texts', { input: Array<string>(2_049).fill('a') }, 'input'],
    ['too long a text', { input: 'a'.repeat(2_400_001) }, 'input'],
    ['an empty text', { input: ['a', ''] }, 'input[1]'],
    ['null among texts', { input: ['a', null] }, 'input[1]'],
    ['another format', { input: 'a', encoding_format: 'hex' }, 'encoding_format'],
    ['no dimensions', { input: 'a', dimensions: 0 }, 'dimensions'],
    ['a number as model', { input: 'a', model: 5 }, 'model'],
  ])('are refused for %s, with the path of the field', async (_given, body, param) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param } });
    expect(platform.behind.reserves).toEqual([]);
  });
});
