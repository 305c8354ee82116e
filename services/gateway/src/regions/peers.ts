import type { Clock, Live, PlatformFile, Timer } from '@flotilla/kernel';
import { Peer } from './peer.ts';

export interface PeersOptions {
  file: Live<PlatformFile>;
  clock: Clock;
  secret: string | undefined;
  /** Milliseconds between two probes. */
  probeMs: number;
}

/** The gateways that stand in the platform's file; as many are held as it names. */
export class Peers {
  #byName = new Map<string, { url: string; peer: Peer }>();
  #timer: Timer | undefined;
  #unfollow: (() => void) | undefined;

  constructor(private readonly options: PeersOptions) {}

  get all(): Peer[] {
    return [...this.#byName.values()].map(({ peer }) => peer);
  }

  get(name: string): Peer | undefined {
    return this.#byName.get(name)?.peer;
  }

  /** Looks at each once, and then again and again. */
  start(): void {
    const { file, clock, probeMs } = this.options;
    this.#take(file.current);
    this.#unfollow = file.onChange((changed) => this.#take(changed));
    this.#timer = clock.every(probeMs, () => this.#probe());
    this.#probe();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#unfollow?.();
    const { all } = this;
    this.#byName.clear();
    await Promise.all(all.map((peer) => peer.close()));
  }

  #probe(): void {
    for (const peer of this.all) void peer.probe();
  }

  #take({ regions }: PlatformFile): void {
    const next = new Map<string, { url: string; peer: Peer }>();
    for (const { name, url } of regions.peers) {
      const known = this.#byName.get(name);
      const { clock, secret } = this.options;
      next.set(name, known?.url === url ? known : { url, peer: new Peer({ name, url, secret, clock }) });
    }
    for (const entry of this.#byName.values()) {
      // What runs there is cut off: the file says that it is no place of ours any more.
      if (next.get(entry.peer.name) !== entry) void entry.peer.close();
    }
    this.#byName = next;
  }
}
