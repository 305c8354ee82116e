import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { redact, redacted, redactText } from './redact.ts';

const secretNames = ['authorization', 'Authorization', 'apiKey', 'API_KEY', 'x-api-key', 'token', 'access_token'];
secretNames.push('refreshToken', 'password', 'dbPassword', 'client_secret', 'cookie', 'Set-Cookie', 'credentials');
const textNames = ['prompt', 'systemPrompt', 'messages', 'content', 'completion', 'input', 'delta'];
const word = fc.stringMatching(/^[a-z]{1,8}$/);

/** A value with a hole, at any depth of objects, arrays, maps, errors and causes. */
const nested = (hole: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      hole,
      fc.tuple(word, tie('node')).map(([key, value]) => ({ [key]: value, other: 1 })),
      tie('node').map((value) => ['x', value]),
      tie('node').map((value) => new Map([['key in a map', value]])),
      tie('node').map((value) => new Set([value])),
      tie('node').map((value) => new Error('outer', { cause: value })),
    ),
  })).node;

describe('what goes into a log', () => {
  it('never shows a value under the name of a secret or of a text, wherever it stands', () => {
    const name = fc.constantFrom(...secretNames, ...textNames);
    const value = fc.stringMatching(/^[A-Za-z0-9]{6,40}$/).map((text) => `QQ${text}`);
    const shape = fc.constantFrom<(name: string, value: string) => unknown>(
      (key, secret) => ({ [key]: secret }),
      (key, secret) => ({ [key]: [secret] }),
      (key, secret) => ({ [key]: { nested: { deeper: secret } } }),
      (key, secret) => new Map([[key, secret]]),
      (key, secret) => [key, secret],
      (key, secret) => ({ rawHeaders: ['host', 'x', key, secret] }),
    );
    fc.assert(
      fc.property(
        fc
          .tuple(name, value, shape)
          .chain(([key, secret, make]) => fc.tuple(fc.constant(secret), nested(fc.constant(make(key, secret))))),
        ([secret, fields]) => {
          expect(JSON.stringify(redact(fields)) ?? '').not.toContain(secret);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never shows a secret that its shape gives away, under whatever name and in whatever text', () => {
    const body = fc.stringMatching(/^[A-Za-z0-9_-]{16,60}$/);
    const secret = fc.oneof(
      body.map((text) => ({ text: `sk-${text}`, hidden: text })),
      body.map((text) => ({ text: `Bearer ${text}`, hidden: text })),
      body.map((text) => ({ text: `postgres://user:${text}@db:5432/x`, hidden: text })),
      body.map((text) => ({ text: `https://x/?api_key=${text}&a=1`, hidden: text })),
      body.map((text) => ({ text: `eyJhbGciOiJIUzI1NiJ9.${text}.${text}`, hidden: text })),
    );
    const around = fc.string({ maxLength: 3_000 }).map((text) => text.replaceAll(/[\w-]/g, ' '));
    fc.assert(
      fc.property(
        secret.chain(({ text, hidden }) =>
          fc.tuple(
            fc.constant(hidden),
            nested(fc.tuple(around, around).map(([before, after]) => `${before} ${text} ${after}`)),
          ),
        ),
        ([hidden, fields]) => {
          expect(JSON.stringify(redact(fields)) ?? '').not.toContain(hidden);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps what is no secret: counts, statuses, ids, names', () => {
    const fields = { prompt_tokens: 12, max_tokens: 100, status: 200, model: 'm', content_type: 'text/html', ok: true };
    expect(redact(fields)).toEqual(fields);
  });

  it('shows an error by name, code, message and causes', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED to sk-abcdefghijklmnop'), { code: 'ECONNREFUSED' });
    expect(redact(new TypeError('it failed', { cause }))).toEqual({
      name: 'TypeError',
      message: 'it failed',
      cause: { name: 'Error', message: `connect ECONNREFUSED to ${redacted}`, code: 'ECONNREFUSED' },
    });
  });

  it('bounds what it takes: depth, length, number', () => {
    const loop: Record<string, unknown> = {};
    loop['loop'] = loop;
    expect(JSON.stringify(redact(loop))).toContain('[…]');
    expect(redactText('x'.repeat(1e6)).length).toBeLessThan(2_100);
    const wide = Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => ({ a: [1, 2, 3] })));
    expect(JSON.stringify(redact({ wide })).length).toBeLessThan(50_000);
    expect(JSON.stringify(redact(Object.fromEntries(wide.map((_, index) => [`k${index}`, 1])))).length).toBeLessThan(
      2_000,
    );
  });

  it('takes any value without throwing', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          JSON.stringify(redact(value));
        },
      ),
    );
    const hostile = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(redact({ hostile })).toEqual({ hostile: { x: '[unreadable]' } });
  });
});
