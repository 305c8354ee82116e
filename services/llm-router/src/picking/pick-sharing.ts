import { events } from '@flotilla/contracts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { EndpointPicker } from './endpoint-picker.ts';

/** Prefixes told in one message: 8 bytes each, 32 KiB. What is learnt beyond that is not told. */
const maxPrefixes = 4_096;
/** Other routers that are listened to. */
const maxRouters = 64;
/** Milliseconds after which a router that says nothing has no requests on any engine. */
const goneMs = 3_000;
/** Milliseconds after which all is said again, changed or not. */
const repeatMs = 1_000;

interface Peer {
  heardAt: number;
  inFlight: ReadonlyMap<string, number>;
}

/** Routers tell each other what they send where, so that they choose nearly as one would. What is lost only costs quality. */
export class PickSharing {
  readonly #id: string;
  readonly #picker: EndpointPicker;
  readonly #peers = new Map<string, Peer>();
  /** Hashes, two numbers each, by engine and model. */
  readonly #learnt = new Map<Endpoint, Map<string, number[]>>();
  #learntCount = 0;
  #told = '';
  #toldAt = -Infinity;

  /** `id`: of this process, and no other. */
  constructor(id: string, picker: EndpointPicker) {
    this.#id = id;
    this.#picker = picker;
    picker.onLearnt = (endpoint, model, a, b) => this.#learn(endpoint, model, a, b);
  }

  /** What is to be said now, if anything. While nobody else is there it is only that one is. */
  message(now: number): events.RouterPicks | undefined {
    this.#forget(now);
    const due = now - this.#toldAt >= repeatMs;
    const alone = this.#peers.size === 0;
    const engines = alone ? [] : this.#engines();
    const told = engines.map(({ engineId, inFlight }) => `${engineId} ${inFlight}`).join('\n');
    const fresh = !alone && (told !== this.#told || this.#learntCount > 0);
    this.#learnt.clear();
    this.#learntCount = 0;
    if (!due && !fresh) return undefined;
    this.#told = told;
    this.#toldAt = now;
    return { routerId: this.#id, more: !alone, engines };
  }

  /** Another router said something. */
  take({ routerId, more, engines }: events.RouterPicks, now: number): void {
    if (routerId === this.#id) return;
    const known = this.#peers.get(routerId);
    if (!known && this.#peers.size >= maxRouters) return;
    const inFlight = more
      ? new Map(engines.map((one) => [one.engineId, one.inFlight]))
      : (known?.inFlight ?? new Map());
    this.#peers.set(routerId, { heardAt: now, inFlight });
    if (!more) return;
    this.#count();
    this.#takePrefixes(engines);
  }

  #takePrefixes(engines: readonly events.EnginePicks[]): void {
    const named = new Map(this.#picker.endpoints.map((endpoint) => [endpoint.facts.id, endpoint]));
    for (const { engineId, prefixes } of engines) {
      const endpoint = named.get(engineId);
      if (!endpoint) continue;
      for (const { model, hashes } of prefixes) this.#picker.prefixes.learn(endpoint, model, unpacked(hashes));
    }
  }

  #learn(endpoint: Endpoint, model: string, a: number, b: number): void {
    if (this.#learntCount >= maxPrefixes) return;
    this.#learntCount += 1;
    const models = this.#learnt.get(endpoint) ?? new Map<string, number[]>();
    this.#learnt.set(endpoint, models);
    const hashes = models.get(model) ?? [];
    models.set(model, hashes);
    hashes.push(a, b);
  }

  #engines(): events.EnginePicks[] {
    const told: events.EnginePicks[] = [];
    for (const endpoint of this.#picker.endpoints) {
      const models = this.#learnt.get(endpoint);
      if (endpoint.inFlight === 0 && !models) continue;
      const prefixes = models ? [...models].map(([model, hashes]) => ({ model, hashes: packed(hashes) })) : [];
      told.push({ engineId: endpoint.facts.id, inFlight: endpoint.inFlight, prefixes });
    }
    return told;
  }

  #forget(now: number): void {
    const before = this.#peers.size;
    for (const [id, { heardAt }] of this.#peers) if (now - heardAt > goneMs) this.#peers.delete(id);
    if (this.#peers.size < before) this.#count();
  }

  #count(): void {
    for (const endpoint of this.#picker.endpoints) {
      endpoint.peers = 0;
      for (const { inFlight } of this.#peers.values()) endpoint.peers += inFlight.get(endpoint.facts.id) ?? 0;
    }
  }
}

function packed(hashes: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(hashes.length * 4);
  hashes.forEach((hash, at) => bytes.writeUInt32LE(hash >>> 0, at * 4));
  return bytes;
}

function unpacked(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Math.min(2 * maxPrefixes, 2 * Math.floor(bytes.byteLength / 8));
  return Uint32Array.from({ length }, (_, at) => view.getUint32(at * 4, true));
}
