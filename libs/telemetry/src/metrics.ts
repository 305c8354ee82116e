import {
  Counter,
  Gauge,
  Histogram,
  type HistogramOptions,
  type Instrument,
  type InstrumentOptions,
} from './instruments.ts';

const instruments = new Map<string, Instrument>();
const observers = new Set<() => void>();

/** A counter of this process. A second call with the same name returns the same one. Throws when the name is of another kind. */
export function counter(options: InstrumentOptions): Counter {
  return registered(options.name, 'counter', () => new Counter(options)) as Counter;
}

/** A gauge of this process; see `counter`. */
export function gauge(options: InstrumentOptions): Gauge {
  return registered(options.name, 'gauge', () => new Gauge(options)) as Gauge;
}

/** A histogram of this process; see `counter`. */
export function histogram(options: HistogramOptions): Histogram {
  return registered(options.name, 'histogram', () => new Histogram(options)) as Histogram;
}

/** Calls `observe` before each reading of the metrics, for gauges that are cheaper to read than to follow. Returns the way to stop. */
export function beforeRead(observe: () => void): () => void {
  observers.add(observe);
  return () => observers.delete(observe);
}

/** Every instrument, with gauges brought up to date. */
export function readInstruments(): Iterable<Instrument> {
  for (const observe of observers) observe();
  return instruments.values();
}

function registered(name: string, kind: Instrument['kind'], create: () => Instrument): Instrument {
  const known = instruments.get(name);
  if (!known) {
    const created = create();
    instruments.set(name, created);
    return created;
  }
  if (known.kind !== kind) throw new Error(`${name} is a ${known.kind} already, not a ${kind}`);
  return known;
}
