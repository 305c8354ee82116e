import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import WebSocket from 'ws';
import { devKey, startPlatform, type Platform } from '../platform.fixture.ts';
import { FailedKeys } from './failed-keys.ts';

describe('failed authentications of one address', () => {
  it('are refused above the cap until the minute is over, and those of others are not', () => {
    const clock = createFakeClock();
    const failures = new FailedKeys(clock, 2);
    expect([1, 2].map(() => failures.failed('198.51.100.1'))).toEqual([undefined, undefined]);
    clock.advance(20_000);
    const refusal = failures.failed('198.51.100.1');
    expect(refusal).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    expect(refusal!.headers.slice(0, 2)).toEqual(['retry-after', '40']);
    expect(failures.failed('198.51.100.2')).toBeUndefined();
    clock.advance(40_000);
    expect(failures.failed('198.51.100.1')).toBeUndefined();
  });

  it('are counted for the whole /64 of an IPv6 client', () => {
    const failures = new FailedKeys(createFakeClock(), 1);
    failures.failed('2001:db8:1:2::1');
    expect(failures.failed('2001:db8:1:2:ffff::9')).toBeDefined();
    expect(failures.failed('2001:db8:1:3::1')).toBeUndefined();
    failures.failed('2001:db8::1');
    expect(failures.failed('2001:db8:0:0:1::1')).toBeDefined();
  });

  it('are remembered of a bounded number of addresses', () => {
    const failures = new FailedKeys(createFakeClock(), 1);
    failures.failed('198.51.100.1');
    for (let at = 0; at < 10_000; at += 1) failures.failed(`10.0.${at >> 8}.${at & 255}`);
    expect(failures.failed('198.51.100.1')).toBeUndefined();
  });
});

describe('a gateway that sees wrong keys', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ failedKeysPerMinute: 3, trustedProxies: ['127.0.0.1'] });
  });
  afterAll(() => platform.stop());

  const ask = (key: string, address: string) =>
    fetch(`${platform.url}/v1/models`, { headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': address } });

  it('answers 429 above the cap, tells nobody to retry, and serves a good key from the same address', async () => {
    const statuses = [];
    for (let at = 0; at < 4; at += 1) statuses.push((await ask(`sk-wrong-${at}`, '203.0.113.5')).status);
    expect(statuses).toEqual([401, 401, 401, 429]);
    const refused = await ask('sk-wrong', '203.0.113.5');
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('connection')).toBe('close');
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    expect((await ask(devKey, '203.0.113.5')).status).toBe(200);
    expect((await ask('sk-wrong', '203.0.113.6')).status).toBe(401);
  });

  it('counts WebSockets too', async () => {
    const statuses: (number | undefined)[] = [];
    for (let at = 0; at < 4; at += 1) {
      const socket = new WebSocket(`${platform.url.replace('http', 'ws')}/v1/chat/ws`, {
        headers: { authorization: 'Bearer sk-wrong', 'x-forwarded-for': '203.0.113.9' },
      });
      statuses.push(
        await new Promise((resolve) => {
          socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
        }),
      );
      socket.on('error', () => undefined);
      socket.terminate();
    }
    expect(statuses).toEqual([401, 401, 401, 429]);
  });
});
