import { describe, expect, it } from '@jest/globals';
import type { IncomingMessage } from 'node:http';
import { ClientAddress, isRange } from './client-address.ts';

const from = (remoteAddress: string | undefined, forwarded?: string) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

describe('the address of a client', () => {
  const clients = new ClientAddress(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']);

  it.each([
    ['198.51.100.1', undefined, '198.51.100.1', 'who connects'],
    ['198.51.100.1', '203.0.113.5', '198.51.100.1', 'who connects, when it is no proxy of ours'],
    ['::ffff:198.51.100.1', undefined, '198.51.100.1', 'IPv4 also over an IPv6 socket'],
    ['10.1.2.3', '203.0.113.5', '203.0.113.5', 'who the proxy says'],
    ['::ffff:10.1.2.3', '203.0.113.5', '203.0.113.5', 'who the proxy says, also over an IPv6 socket'],
    ['10.1.2.3', '6.6.6.6, 203.0.113.5', '203.0.113.5', 'not who the client says'],
    ['10.1.2.3', '6.6.6.6, 203.0.113.5, 10.9.9.9, 192.0.2.7', '203.0.113.5', 'behind several proxies'],
    ['10.1.2.3', '10.4.4.4', '10.4.4.4', 'inside, when all are ours'],
    ['10.1.2.3', 'unknown', '10.1.2.3', 'the proxy, when it says nothing usable'],
    ['10.1.2.3', '203.0.113.5, <script>', '10.1.2.3', 'the proxy, when its word is broken'],
    ['2001:db8::1', '[2a00::5]:4711', '2a00::5', 'IPv6 with a port'],
    ['10.1.2.3', '203.0.113.5:4711', '203.0.113.5', 'IPv4 with a port'],
    ['10.1.2.3', undefined, '10.1.2.3', 'the proxy itself'],
    [undefined, '203.0.113.5', '', 'nobody once the connection is gone'],
  ])(
    'from %s with %s is %s: %s',
    (remote: string | undefined, forwarded: string | undefined, address: string, _why: string) => {
      expect(clients.of(from(remote, forwarded))).toBe(address);
    },
  );

  it('is never taken from a header without trusted proxies', () => {
    expect(new ClientAddress([]).of(from('127.0.0.1', '203.0.113.5'))).toBe('127.0.0.1');
  });

  it.each([
    ['10.0.0.0/8', true],
    ['::1', true],
    ['fd00::/8', true],
    ['10.0.0.0/33', false],
    ['10.0.0.0/8/8', false],
    ['proxy.local', false],
    ['10.0.0/8', false],
    ['10.0.0.0/', false],
  ])('%s is a range: %s', (text, is) => expect(isRange(text)).toBe(is));
});
