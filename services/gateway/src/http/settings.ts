import { envList } from '@flotilla/kernel';
import { z } from 'zod';
import { isRange } from './client-address.ts';

const count = z.coerce.number().int();

/** Settings of the server that takes connections, part of the gateway's. */
export const serverSettings = {
  headerLimit: count
    .min(1_024)
    .default(16 * 1024)
    .describe('Bytes of a request line and its headers at most. Larger ones get 431.'),
  maxConnections: count
    .positive()
    .default(16_384)
    .describe('TCP connections open at most; further ones are closed as they come, and counted.'),
  maxRequestsPerConnection: count
    .min(0)
    .default(0)
    .describe(
      'Requests one connection may carry before it is closed, so that long-lived clients spread over new replicas; 0 for no end.',
    ),
  trustedProxies: envList
    .refine((ranges) => ranges.every(isRange), 'takes addresses and CIDR ranges, such as 10.0.0.0/8')
    .prefault('')
    .describe(
      'Addresses and CIDR ranges of proxies whose `x-forwarded-for` is believed, comma-separated. Empty: nobody’s, the client is who connects.',
    ),
  failedKeysPerMinute: count
    .positive()
    .default(60)
    .describe(
      'Failed authentications of one address (of one /64 for IPv6) in a minute after which further ones get 429 and lose their connection. A good key is never refused.',
    ),
};
