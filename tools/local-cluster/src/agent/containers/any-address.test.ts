import { describe, expect, it } from '@jest/globals';
import { onOwnAddress } from './any-address.ts';

describe('any address, in what a container is given', () => {
  it.each([
    ['0.0.0.0', '127.1.0.7'],
    ['0.0.0.0:7000', '127.1.0.7:7000'],
    ['--host=0.0.0.0', '--host=127.1.0.7'],
    ['listen_addresses=0.0.0.0', 'listen_addresses=127.1.0.7'],
    ['http://0.0.0.0/metrics', 'http://127.1.0.7/metrics'],
  ])('is that of its pod: %s', (given, wanted) => {
    expect(onOwnAddress(given, '127.1.0.7')).toBe(wanted);
  });

  it.each(['10.0.0.0', '10.0.0.0/8', '0.0.0.0/0', '0.0.0.01', 'v0.0.0.0'])('is not meant by %s', (given) => {
    expect(onOwnAddress(given, '127.1.0.7')).toBe(given);
  });
});
