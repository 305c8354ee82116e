import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { providerSchema } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import { defaults } from '../config.ts';
import { Accounts } from './account.ts';
import { openAiCompatible } from './openai-compatible.ts';
import { openrouter } from './openrouter.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));
const provider = (fields: object = {}) =>
  providerSchema.parse({ name: 'p', kind: 'openai', api_key_env: 'KEY', ...fields });
const adapter = openAiCompatible();

describe('a provider’s key', () => {
  it('that is changed in its mounted file is used without a restart, and the old one is still redacted', () => {
    const file = path.join(folder, 'key');
    const clock = createFakeClock();
    writeFileSync(file, 'first-key\n');
    const accounts = new Accounts({ KEY_FILE: file }, defaults, clock);
    accounts.take([provider()]);
    const account = accounts.of('p');
    expect(account.headers(adapter)).toEqual(['authorization', 'Bearer first-key']);
    writeFileSync(file, 'the-second-key\n');
    clock.advance(2_000);
    expect(account.headers(adapter)).toEqual(['authorization', 'Bearer the-second-key']);
    expect(account.redact('first-key the-second-key')).toBe('… …');
    rmSync(file);
    clock.advance(2_000);
    expect(account.headers(adapter)).toEqual(['authorization', 'Bearer the-second-key']);
    accounts.take([provider({ headers: { 'x-a': 'b' } })]);
    expect(accounts.of('p').headers(adapter)).toEqual(['authorization', 'Bearer the-second-key', 'x-a', 'b']);
  });

  it('that is not there is not sent, and neither is that of another provider', () => {
    const accounts = new Accounts({ OTHER: 'x' }, defaults, createFakeClock());
    accounts.take([provider(), provider({ name: 'q', api_key_env: 'OTHER' })]);
    expect(accounts.of('p').hasKey).toBe(false);
    expect(accounts.of('p').headers(adapter)).toEqual([]);
    expect(accounts.of('nobody').headers(adapter)).toEqual([]);
    expect(accounts.of('q').hasKey).toBe(true);
  });
});

describe('a provider’s entry', () => {
  const accountOf = (fields: object) => {
    const accounts = new Accounts({}, defaults, createFakeClock());
    accounts.take([provider({ api_key_env: undefined, ...fields })]);
    return accounts.of('p');
  };

  it('sets its limits of time, with those of the settings for the rest', () => {
    expect(accountOf({ timeouts: { connect_ms: 5 } }).limits).toMatchObject({
      connectTimeoutMs: 5,
      idleTimeoutMs: defaults.idleTimeoutMs,
    });
    const { limits } = accountOf({
      kind: 'runpod',
      endpoint_id: 'a',
      cold_start_ms: 7,
      timeouts: { first_token_ms: 3 },
    });
    expect(limits.firstTokenTimeoutMs).toBe(10);
  });

  it('tells OpenRouter of the application', () => {
    const account = accountOf({ kind: 'openrouter', app: { name: 'Flotilla', url: 'https://a.example' } });
    expect(account.headers(openrouter)).toEqual(['http-referer', 'https://a.example', 'x-title', 'Flotilla']);
  });

  it('adds fields in place of the client’s', () => {
    const { body } = accountOf({ body: { transforms: ['middle-out'], top_k: 5 } });
    expect(body!.over('')).toBe('"transforms":["middle-out"],"top_k":5');
    expect(body!.over('"seed":1')).toBe('"seed":1,"transforms":["middle-out"],"top_k":5');
    expect(JSON.parse(`{${body!.over('"seed":1,"top_\\u006b":9')}}`)).toEqual({
      ...{ seed: 1, transforms: ['middle-out'], top_k: 5 },
    });
  });
});
