import { FlotillaError, type Clock } from '@flotilla/kernel';

export interface GroupedWriterOptions<Row> {
  /** Writes a group, all or nothing, in one transaction. It ends by itself in bounded time (the database's statement timeout). */
  write(rows: Row[]): Promise<void>;
  /** Most rows of one group. */
  maxRows: number;
  /** Milliseconds the first row of a group waits for company when nothing is in flight. 0: until the end of the current turn. */
  maxWaitMs: number;
  /** Most rows that are not committed yet, gathering and in flight; further ones are refused as `overloaded`. */
  maxPending: number;
  clock: Clock;
}

export interface GroupedWriter<Row> {
  /** Resolves when the row's group is committed; rejects with the group's error, which no other group shares. */
  add(row: Row): Promise<void>;
  /** Rows that are not committed yet. */
  readonly pending: number;
  /** Takes no more rows and resolves when all it had were written or refused. Idempotent. */
  close(): Promise<void>;
}

interface Group<Row> {
  rows: Row[];
  settled: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function newGroup<Row>(): Group<Row> {
  const group = { rows: [] } as unknown as Group<Row>;
  group.settled = new Promise((resolve, reject) => {
    group.resolve = resolve;
    group.reject = reject;
  });
  return group;
}

/**
 * Group commit: one write is in flight at a time and the rows that come meanwhile are the next group, so groups grow just
 * as the database slows down, and a lone row waits for nobody (DeWitt et al., "Implementation Techniques for Main Memory
 * Database Systems", 1984). Rows are written in the order they were added. All rows of a group share one promise.
 */
export function groupedWriter<Row>({
  write,
  maxRows,
  maxWaitMs,
  maxPending,
  clock,
}: GroupedWriterOptions<Row>): GroupedWriter<Row> {
  const groups: Group<Row>[] = []; // Bounded by maxPending rows, none empty, none in flight.
  let pending = 0;
  let flight: Promise<void> | undefined;
  let waiting: (() => void) | undefined;
  let closing: Promise<void> | undefined;

  const writeAll = async (): Promise<void> => {
    for (let group = groups.shift(); group; group = groups.shift()) {
      try {
        await write(group.rows);
        group.resolve();
      } catch (error) {
        group.reject(error);
      }
      pending -= group.rows.length;
    }
    flight = undefined;
  };

  const flush = (): Promise<void> => {
    waiting?.();
    waiting = undefined;
    if (flight || groups.length === 0) return flight ?? Promise.resolve();
    flight = Promise.resolve(); // So that rows which the write itself adds wait for the next group.
    flight = writeAll();
    return flight;
  };

  const schedule = (): void => {
    if (maxWaitMs > 0) {
      const timer = clock.after(maxWaitMs, () => void flush());
      waiting = () => timer.cancel();
    } else {
      let cancelled = false;
      queueMicrotask(() => {
        if (!cancelled) void flush();
      });
      waiting = () => {
        cancelled = true;
      };
    }
  };

  return {
    add(row) {
      if (closing) return Promise.reject(new FlotillaError('unavailable', 'the writer is closed'));
      if (pending >= maxPending) return Promise.reject(new FlotillaError('overloaded'));
      let group = groups.at(-1);
      if (!group || group.rows.length >= maxRows) {
        group = newGroup();
        groups.push(group);
      }
      group.rows.push(row);
      pending += 1;
      if (flight) return group.settled;
      if (group.rows.length >= maxRows) void flush();
      else if (!waiting) schedule();
      return group.settled;
    },
    get pending() {
      return pending;
    },
    close: () => (closing ??= flush()),
  };
}
