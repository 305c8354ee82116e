import { keysChanged, type Bus } from '@flotilla/bus';
import type { Database } from '@flotilla/database';
import { toFlotillaError, type Clock, type Live, type PlatformFile, type Random } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Access } from '../access/access.ts';
import { Directory } from './directory.ts';
import { Secrets } from './secrets.ts';

const log = logger('gateway.directory');

export interface DirectoryPorts {
  database: Database;
  access: Access;
  bus: Bus;
  file: Live<PlatformFile>;
  clock: Clock;
  random: Random;
}

/** A directory whose changes this replica knows at once and the others by an event; when that is lost, soon. */
export function createDirectory({ access, bus, ...ports }: DirectoryPorts): Directory {
  return new Directory({
    ...ports,
    secrets: new Secrets((key) => access.keys.hash(key), access.signingSecrets),
    announce(event) {
      access.forget(event);
      bus.publish(keysChanged, event).catch((error: unknown) => {
        log.warn('other replicas were not told of a change', { code: toFlotillaError(error).code });
      });
    },
  });
}
