import { describe, expect, it } from '@jest/globals';
import { parsePlatformFile } from './platform-file.ts';
import { providerSchema, providerUrl } from './providers.ts';

const parse = (fields: object) => providerSchema.parse({ name: 'p', kind: 'openai', ...fields });

describe('a provider of the platform file', () => {
  it.each([
    [{ kind: 'vllm' }, 'http://127.0.0.1:8000/v1'],
    [{ kind: 'openai', base_url: 'http://host/api/v1/' }, 'http://host/api/v1'],
    [{ kind: 'ollama', base_url: 'http://host:11434/v1/' }, 'http://host:11434'],
    [{ kind: 'anthropic' }, 'https://api.anthropic.com/v1'],
    [{ kind: 'runpod', endpoint_id: 'abc123' }, 'https://api.runpod.ai/v2/abc123'],
    [{ kind: 'runpod', base_url: 'http://host/v2/abc/openai/v1' }, 'http://host/v2/abc'],
  ])('%j is at %s', (fields, url) => {
    expect(providerUrl(parse(fields))).toBe(url);
  });

  it('of kind runpod needs an endpoint', () => {
    expect(() => parse({ kind: 'runpod' })).toThrow(/needs one/);
  });

  it.each([
    [{ endpoint_id: 'a' }, /runpod only/],
    [{ route: 'jobs' }, /runpod only/],
    [{ keep_alive: '5m' }, /ollama only/],
    [{ kind: 'ollama', keep_alive: 'soon' }, /duration/],
    [{ app: { name: 'x' } }, /openrouter only/],
  ])('is refused with %j', (fields, message) => {
    expect(() => parse(fields)).toThrow(message);
  });

  it('may add headers, but neither those of the connection nor any that hold a key', () => {
    expect(parse({ headers: { 'X-Team': 'a b' } }).headers).toEqual({ 'X-Team': 'a b' });
    for (const name of ['Authorization', 'x-api-key', 'Content-Length', 'bad name']) {
      expect(() => parse({ headers: { [name]: 'x' } })).toThrow();
    }
    expect(() => parse({ headers: { 'x-a': 'b\r\nx-c: d' } })).toThrow(/value of a header/);
  });

  it('may add fields to bodies, but not those the router says itself', () => {
    expect(parse({ body: { transforms: ['middle-out'] } }).body).toEqual({ transforms: ['middle-out'] });
    for (const field of ['model', 'messages', 'stream', 'max_tokens']) {
      expect(() => parse({ body: { [field]: 1 } })).toThrow(/may not hold/);
    }
  });

  it('has each persona once', () => {
    const persona = { name: 'ada', model: 'm', system_prompt: 'You are Ada.' };
    expect(parse({ personas: [persona] }).personas).toEqual([{ ...persona, description: '' }]);
    expect(() => parse({ personas: [persona, persona] })).toThrow(/one name/);
  });

  it('is written in YAML as the guide has it', () => {
    const { providers } = parsePlatformFile(`
providers:
  - { name: router, kind: openrouter, app: { name: Flotilla, url: 'https://example.com' }, body: { provider: { sort: price } } }
  - { name: pod, kind: runpod, endpoint_id: abc, route: jobs, cold_start_ms: 600000 }
`);
    expect(providers).toMatchObject([{ body: { provider: { sort: 'price' } } }, { route: 'jobs' }]);
  });
});
