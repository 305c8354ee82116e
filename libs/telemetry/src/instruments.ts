import { SeriesTable, type Labels } from './series.ts';

export interface InstrumentOptions {
  /** `flotilla_<service>_<what>_<unit>`, or the standard name where OpenTelemetry has one. */
  name: string;
  description: string;
  /** UCUM: `s`, `By`, `{token}`, `1`. */
  unit?: string;
  /** Series above this many go into one overflow series. Default 500. */
  maxSeries?: number;
}

export interface HistogramOptions extends InstrumentOptions {
  /** Upper bounds, ascending, in the unit. Default `llmSeconds`. */
  buckets?: readonly number[];
}

/** Seconds, for what engines and whole chats take: 5 ms to 2 min. */
export const llmSeconds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30, 60, 120,
];

/** Seconds, for what services ask of each other: 0.1 ms to 10 s. */
export const rpcSeconds: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Counts of tokens: the buckets OpenTelemetry's gen_ai conventions name for `gen_ai.client.token.usage`. */
export const tokenCounts: readonly number[] = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
];

export interface BoundCounter {
  add(value: number): void;
}
export interface BoundHistogram {
  record(value: number): void;
}
export interface BoundGauge {
  set(value: number): void;
  add(value: number): void;
}

class Sum implements BoundCounter {
  value = 0;
  add(value: number): void {
    // A counter never goes back: a negative or undefined value is a bug of the caller, not worth a crash.
    if (value > 0) this.value += value;
  }
}

class Level implements BoundGauge {
  value = 0;
  set(value: number): void {
    this.value = value;
  }
  add(value: number): void {
    this.value += value;
  }
}

class Distribution implements BoundHistogram {
  readonly counts: Float64Array;
  count = 0;
  sum = 0;
  readonly bounds: Float64Array;

  constructor(bounds: Float64Array) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    if (!(value >= 0)) return;
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.counts[low]! += 1;
    this.count += 1;
    this.sum += value;
  }
}

const defaultMaxSeries = 500;

/** Something that only grows. */
export class Counter {
  readonly kind = 'counter';
  readonly options: InstrumentOptions;
  readonly series: SeriesTable<Sum>;

  constructor(options: InstrumentOptions) {
    this.options = options;
    this.series = new SeriesTable(options.maxSeries ?? defaultMaxSeries, () => new Sum());
  }
  add(value: number, labels?: Labels): void {
    this.series.find(labels).add(value);
  }
  /** The series of these labels, found once: for hot paths. */
  bind(labels: Labels): BoundCounter {
    return this.series.find(labels);
  }
}

/** A value that goes up and down. */
export class Gauge {
  readonly kind = 'gauge';
  readonly options: InstrumentOptions;
  readonly series: SeriesTable<Level>;

  constructor(options: InstrumentOptions) {
    this.options = options;
    this.series = new SeriesTable(options.maxSeries ?? defaultMaxSeries, () => new Level());
  }
  set(value: number, labels?: Labels): void {
    this.series.find(labels).set(value);
  }
  /** Moves it by `value`, e.g. +1 when a call begins and -1 when it ends. */
  add(value: number, labels?: Labels): void {
    this.series.find(labels).add(value);
  }
  bind(labels: Labels): BoundGauge {
    return this.series.find(labels);
  }
}

/** How values are spread, e.g. durations. Negative values and NaN are left out. */
export class Histogram {
  readonly kind = 'histogram';
  readonly options: HistogramOptions;
  readonly series: SeriesTable<Distribution>;

  constructor(options: HistogramOptions) {
    this.options = options;
    const bounds = Float64Array.from(options.buckets ?? llmSeconds);
    this.series = new SeriesTable(options.maxSeries ?? defaultMaxSeries, () => new Distribution(bounds));
  }
  record(value: number, labels?: Labels): void {
    this.series.find(labels).record(value);
  }
  bind(labels: Labels): BoundHistogram {
    return this.series.find(labels);
  }
}

export type Instrument = Counter | Gauge | Histogram;
