/** Labels of one measurement. Few and of few values: never an id, a text or anything a client makes up. */
export interface Labels {
  readonly [name: string]: string | number | boolean | undefined;
}

/** What a name is replaced by once an instrument holds `maxSeries` (OpenTelemetry's overflow attribute). */
export const overflowLabels: Labels = { 'otel.metric.overflow': true };

export interface Series<S> {
  readonly labels: Labels;
  readonly state: S;
}

interface Node<S> {
  leaf: S | undefined;
  /** By label name, then by value. */
  next: Map<string, Map<string | number | boolean, Node<S>>> | undefined;
}

/**
 * The series of one instrument by their labels: a trie over names and values, so that a known set of labels is found
 * without building a string. At most `maxSeries` series plus the overflow one; the same labels in another order lead to
 * the same series, and at most `4 × maxSeries` orders are remembered.
 */
export class SeriesTable<S> {
  readonly #root: Node<S> = { leaf: undefined, next: undefined };
  readonly #byKey = new Map<string, Series<S>>();
  readonly #maxSeries: number;
  readonly #create: () => S;
  #paths = 0;
  #overflow: Series<S> | undefined;

  constructor(maxSeries: number, create: () => S) {
    this.#maxSeries = maxSeries;
    this.#create = create;
  }

  find(labels: Labels | undefined): S {
    let node: Node<S> | undefined = this.#root;
    for (const name in labels) {
      const value = labels[name];
      if (value === undefined) continue;
      node = node.next?.get(name)?.get(value);
      if (!node) return this.#admit(labels);
    }
    return node.leaf ?? this.#admit(labels ?? {});
  }

  *all(): IterableIterator<Series<S>> {
    yield* this.#byKey.values();
    if (this.#overflow) yield this.#overflow;
  }

  #admit(labels: Labels): S {
    const entries = Object.entries(labels).filter((entry) => entry[1] !== undefined) as [string, string][];
    const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify(sorted.map(([name, value]) => [name, String(value)]));
    let series = this.#byKey.get(key);
    if (!series) {
      if (this.#byKey.size >= this.#maxSeries) {
        this.#overflow ??= { labels: overflowLabels, state: this.#create() };
        return this.#overflow.state;
      }
      series = { labels: Object.fromEntries(sorted), state: this.#create() };
      this.#byKey.set(key, series);
    }
    if (this.#paths < 4 * this.#maxSeries) {
      this.#paths += 1;
      this.#remember(entries, series.state);
    }
    return series.state;
  }

  #remember(entries: readonly [string, string | number | boolean][], state: S): void {
    let node = this.#root;
    for (const [name, value] of entries) {
      node.next ??= new Map();
      let byValue = node.next.get(name);
      if (!byValue) node.next.set(name, (byValue = new Map()));
      let child = byValue.get(value);
      if (!child) byValue.set(value, (child = { leaf: undefined, next: undefined }));
      node = child;
    }
    node.leaf = state;
  }
}
