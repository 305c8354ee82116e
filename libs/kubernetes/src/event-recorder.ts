import { systemClock, systemRandom, type Clock, type Random } from '@flotilla/kernel';
import { counter, logger } from '@flotilla/telemetry';
import type { KubeApi } from './kube-api.ts';
import { KubeError } from './kube-error.ts';
import type { KubeObject } from './object.ts';
import { coreEvents, type CoreEvent } from './resources.ts';

export interface EventRecorderOptions {
  api: Pick<KubeApi, 'create' | 'patch'>;
  /** Who tells: `flotilla-fleet`. */
  component: string;
  clock?: Clock;
  random?: Random;
}

/** Tells people what happened to an object, as `kubectl describe` shows it. Never throws, never keeps its caller waiting. */
export interface EventRecorder {
  /** `reason` is one word in CamelCase; the same one of the same object within ten minutes is counted, with the newest message. */
  record(object: KubeObject, type: CoreEvent['type'], reason: string, message: string): void;
  /** Resolves when what is being sent was sent. */
  flush(): Promise<void>;
}

const log = logger('kubernetes');
const eventsTotal = counter({
  name: 'flotilla_kubernetes_events_total',
  description: 'Kubernetes Events told, by outcome: sent, limited or failed',
});

const sameForMs = 600_000;
/** Writes about one object: as client-go, 25 at once, then one in five minutes. */
const burst = 25;
const oneInMs = 300_000;
/** Events, and objects, that are remembered; the oldest go first. */
const most = 4_096;
/** Characters the API takes. */
const longest = 1_024;

interface Told {
  readonly object: KubeObject;
  readonly type: CoreEvent['type'];
  readonly reason: string;
  readonly firstAt: number;
  lastAt: number;
  message: string;
  count: number;
  /** Of these the API knows. */
  sent: number;
  /** The Event's own; undefined before it was made. */
  name: string | undefined;
  sending: Promise<void> | undefined;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #api: EventRecorderOptions['api'];
  readonly #component: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #told = new Map<string, Told>();
  readonly #budgets = new Map<string, { left: number; at: number }>();
  readonly #sending = new Set<Promise<void>>();

  constructor({ api, component, clock = systemClock, random = systemRandom }: EventRecorderOptions) {
    this.#api = api;
    this.#component = component;
    this.#clock = clock;
    this.#random = random;
  }

  record(object: KubeObject, type: CoreEvent['type'], reason: string, message: string): void {
    const now = this.#clock.now();
    const about = aboutOf(object);
    const key = `${about} ${type} ${reason}`;
    let told = this.#told.get(key);
    if (!told || now - told.lastAt > sameForMs) {
      told = {
        object: referred(object),
        type,
        reason,
        firstAt: now,
        lastAt: now,
        message,
        count: 0,
        sent: 0,
        name: undefined,
        sending: undefined,
      };
    }
    told.count += 1;
    told.lastAt = now;
    told.message = message.length > longest ? `${message.slice(0, longest - 1)}…` : message;
    remember(this.#told, key, told);
    if (!told.sending) this.#send(told, about);
  }

  async flush(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending);
  }

  /** Sends what the API does not know yet; what comes meanwhile goes with the next one. */
  #send(told: Told, about: string): void {
    if (!this.#mayWrite(about)) {
      eventsTotal.add(1, { outcome: 'limited' });
      return;
    }
    const sending = this.#write(told).then((sent) => {
      told.sending = undefined;
      this.#sending.delete(sending);
      if (sent && told.sent < told.count) this.#send(told, about);
    });
    told.sending = sending;
    this.#sending.add(sending);
  }

  async #write(told: Told): Promise<boolean> {
    const { count } = told;
    try {
      if (told.name !== undefined) await this.#counted(told, told.name);
      else await this.#made(told);
      told.sent = count;
      eventsTotal.add(1, { outcome: 'sent' });
      return true;
    } catch (error) {
      eventsTotal.add(1, { outcome: 'failed' });
      log.debug('an event could not be told', { reason: told.reason, error: String(error) });
      return false;
    }
  }

  async #counted(told: Told, name: string): Promise<void> {
    const { message, count, lastAt } = told;
    const at = { namespace: namespaceOf(told.object), name };
    try {
      await this.#api.patch(coreEvents, at, { message, count, lastTimestamp: timestamp(lastAt) });
    } catch (error) {
      if (!(error instanceof KubeError) || error.kind !== 'not_found') throw error;
      await this.#made(told);
    }
  }

  async #made(told: Told): Promise<void> {
    const { object, type, reason, message, count, firstAt, lastAt } = told;
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, uid } = metadata;
    const event: CoreEvent & { reportingComponent: string } = {
      apiVersion: coreEvents.apiVersion,
      kind: coreEvents.kind,
      metadata: { namespace: namespaceOf(object), name: `${name.slice(0, 200)}.${this.#random.id('').slice(-16)}` },
      involvedObject: {
        apiVersion,
        kind,
        name,
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
      },
      ...{ type, reason, message, count },
      firstTimestamp: timestamp(firstAt),
      lastTimestamp: timestamp(lastAt),
      source: { component: this.#component },
      reportingComponent: this.#component,
    };
    await this.#api.create(event);
    told.name = event.metadata.name;
  }

  #mayWrite(about: string): boolean {
    const now = this.#clock.monotonic();
    const before = this.#budgets.get(about) ?? { left: burst, at: now };
    const left = Math.min(burst, before.left + (now - before.at) / oneInMs);
    remember(this.#budgets, about, { left: left < 1 ? left : left - 1, at: now });
    return left >= 1;
  }
}

/** Puts it as the newest and lets go of the oldest above the bound. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value!);
}

function aboutOf({ kind, metadata: { uid, namespace, name } }: KubeObject): string {
  return uid ?? `${kind} ${namespace}/${name}`;
}

/** Only what an Event says of it: the object itself may be large. */
function referred({ apiVersion, kind, metadata: { name, namespace, uid } }: KubeObject): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) },
  };
}

/** An Event about what has no namespace lies in `default`. */
function namespaceOf({ metadata }: KubeObject): string {
  return metadata.namespace ?? 'default';
}

function timestamp(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
