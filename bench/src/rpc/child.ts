import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Order } from './peer.ts';

export interface Usage {
  /** Microseconds of CPU since the process began. */
  user: number;
  system: number;
  /** Bytes of resident memory. */
  rss: number;
}

/** A process running peer.ts. */
export class Peer {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #nextId = 1;

  constructor(execArgv: string[] = process.execArgv) {
    const script = path.join(import.meta.dirname, `peer${path.extname(import.meta.filename)}`);
    this.#process = fork(script, { execArgv });
    this.#process.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(result);
      else pending?.reject(new Error(error));
    });
    this.#process.on('exit', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('the peer process ended'));
    });
  }

  tell<T>(order: Order): Promise<T> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, order });
    });
  }

  usage(): Promise<Usage> {
    return this.tell<Usage>({ kind: 'usage' });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.disconnect();
    await exit;
  }
}

/** CPU microseconds of both processes while `run` runs. */
export async function cpuOf(peers: Peer[], run: () => Promise<unknown>): Promise<number> {
  const before = await Promise.all(peers.map((peer) => peer.usage()));
  await run();
  const after = await Promise.all(peers.map((peer) => peer.usage()));
  return after.reduce(
    (sum, { user, system }, index) => sum + user + system - before[index]!.user - before[index]!.system,
    0,
  );
}
