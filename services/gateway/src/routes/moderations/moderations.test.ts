import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { safety } from '@flotilla/contracts';
import { until } from '@flotilla/testkit';
import { allows, devKey, refuses, startPlatform, type Platform } from '../../platform.fixture.ts';

const { Action } = safety;
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ moderationTimeoutMs: 1_000 });
});
beforeEach(() => {
  platform.behind.check = async ({ messages }) => {
    const { content } = messages[0]!;
    if (!content.includes('rude')) return { action: Action.ALLOW, findings: [] };
    const finding = { rule: 'toxicity.insult', category: 'toxicity', action: Action.BLOCK, message: 'No insults.' };
    return { action: Action.BLOCK, findings: [finding] };
  };
});
afterAll(() => platform.stop());

const post = (body: unknown) =>
  fetch(`${platform.url}/v1/moderations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${devKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

interface Moderation {
  id: string;
  results: { flagged: boolean; categories: Record<string, boolean>; category_scores: Record<string, number> }[];
}

describe('moderations', () => {
  it('say of each text what the rules find in it, and never the text', async () => {
    const response = await post({ input: ['a rude word', 'a kind one'], model: 'omni-moderation-latest' });
    const text = await response.text();
    expect(text).not.toContain('rude');
    const { id, results } = JSON.parse(text) as Moderation;
    expect(id).toMatch(/^modr-/);
    expect(results.map(({ flagged }) => flagged)).toEqual([true, false]);
    expect(results[0]).toMatchObject({
      categories: { harassment: true, violence: false, 'self-harm/intent': false, pii: false },
      category_scores: { harassment: 1, violence: 0 },
      flotilla: { refused: true, findings: [{ rule: 'toxicity.insult', category: 'toxicity' }] },
    });
  });

  it('flag what a chat would let pass, too', async () => {
    platform.behind.check = async () => {
      const finding = { rule: 'pii.email', category: 'pii', action: Action.ALLOW, message: '' };
      return { action: Action.ALLOW, findings: [finding] };
    };
    const { results } = (await (await post({ input: 'mail me' })).json()) as Moderation;
    expect(results[0]).toMatchObject({ flagged: true, categories: { pii: true }, flotilla: { refused: false } });
  });

  it('count as requests, and hold nothing when they have ended', async () => {
    const response = await post({ input: 'a kind word' });
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    expect(platform.behind.reserves.at(-1)).toMatchObject({ promptTokens: 0, outputTokens: 0 });
    await until(() => platform.behind.settles.length > 0, { what: 'the reservation to be settled' });
    platform.behind.reserve = async () => refuses('requests_per_minute', 1_000);
    expect((await post({ input: 'a kind word' })).status).toBe(429);
    platform.behind.reserve = async () => allows();
  });

  it('take content parts as one text', async () => {
    const parts = [
      { type: 'text', text: 'so' },
      { type: 'text', text: 'rude' },
    ];
    const { results } = (await (await post({ input: parts })).json()) as Moderation;
    expect(results.map(({ flagged }) => flagged)).toEqual([true]);
  });

  it('are 503 when the safety service does not answer in time', async () => {
    platform.behind.check = () => new Promise(() => undefined);
    const response = await post({ input: 'a' });
    expect(response.status).toBe(503);
    expect(response.headers.get('x-should-retry')).toBe('true');
    expect(await response.json()).toMatchObject({ error: { code: 'safety_unavailable' } });
  });

  it.each([
    ['no input', {}, 'input'],
    ['a number', { input: 5 }, 'input'],
    ['no texts', { input: [] }, 'input'],
    ['an empty text', { input: ['a', ''] }, 'input[1]'],
    ['too many texts', { input: Array<string>(33).fill('a') }, 'input'],
    ['an image', { input: [{ type: 'image_url', image_url: { url: 'https://x' } }] }, 'input[0].type'],
  ])('are refused for %s, with the path of the field', async (_given, body, param) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param } });
  });
});
