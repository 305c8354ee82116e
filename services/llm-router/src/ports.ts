import type { Bus } from '@flotilla/bus';
import type { Database } from '@flotilla/database';
import type { Clock, Environment, Live, PlatformFile, Random } from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';

export interface RouterPorts {
  rpc: RpcNetwork;
  bus: Bus;
  file: Live<PlatformFile>;
  /** Holds the providers' keys, by the names in `api_key_env`. */
  env: Environment;
  /** Opens the platform's database; tried again while it throws. Absent: nothing can be set at run time, and no answer is kept. */
  database?: () => Promise<Database>;
  clock?: Clock;
  random?: Random;
}
