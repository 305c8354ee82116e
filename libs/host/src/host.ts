import type { Bus } from '@flotilla/bus';
import type { Database } from '@flotilla/database';
import type { Clock, Environment, Live, PlatformFile, Random, Service } from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';

/**
 * What a service stands on, whatever the shape: in the mesh each process has its own host, in standalone all share one.
 * Services take what they need of it as ports and cannot tell which it is.
 */
export interface Host {
  readonly rpc: RpcNetwork;
  readonly bus: Bus;
  readonly file: Live<PlatformFile>;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: Environment;
  /** Opens the database on first use. Throws when FLOTILLA_DATABASE_URL is not set. */
  database(): Promise<Database>;
  /** The metrics of this process, as Prometheus text. */
  metrics(): Promise<string>;
  /** Whether everything in this process is ready, and none of it is ending. */
  ready(): Promise<boolean>;
}

/** A service's entry: how to read its configuration and how to make it. */
export interface Target {
  readonly name: string;
  create(host: Host): Promise<Service> | Service;
}
