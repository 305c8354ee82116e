import { describe, expect, it } from '@jest/globals';
import { corsHeaders, preflightHeaders } from './cors.ts';

const record = (flat: string[]) =>
  Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]!]] : [])));

describe('what a page of another origin may do', () => {
  it('is nothing when no origin is configured', () => {
    expect(corsHeaders([], 'https://a.example')).toEqual([]);
  });

  it('is to read the answer when its origin is, and what SDKs need of its headers', () => {
    const headers = record(corsHeaders(['https://a.example'], 'https://a.example'));
    expect(headers['access-control-allow-origin']).toBe('https://a.example');
    const exposed = headers['access-control-expose-headers']!.split(', ');
    for (const name of ['x-request-id', 'retry-after', 'x-ratelimit-remaining-tokens', 'ratelimit', 'x-should-retry']) {
      expect(exposed).toContain(name);
    }
  });

  it.each(['https://b.example', 'https://a.example.evil.example', 'http://a.example', 'null', undefined])(
    'is nothing from %s, and caches are told that another may',
    (origin) => expect(corsHeaders(['https://a.example'], origin)).toEqual(['vary', 'origin']),
  );

  it('is the same for all under `*`, and never comes with credentials', () => {
    const headers = record(corsHeaders(['*'], 'https://a.example'));
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*' });
    expect(Object.keys(headers)).not.toContain('access-control-allow-credentials');
    expect(Object.keys(headers)).not.toContain('vary');
  });

  it('is told by a preflight for two hours, whatever headers it asks for', () => {
    expect(record(preflightHeaders('x-stainless-os'))).toEqual({
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'x-stainless-os',
      'access-control-max-age': '7200',
    });
  });
});
