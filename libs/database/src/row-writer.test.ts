import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import { groupedWriter } from './row-writer.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A database whose writes end when the test says so. */
function slowTable<Row>() {
  const groups: Row[][] = [];
  const flights: { resolve(): void; reject(error: Error): void }[] = [];
  return {
    groups,
    flights,
    write(rows: Row[]): Promise<void> {
      groups.push(rows);
      return new Promise((resolve, reject) => flights.push({ resolve, reject }));
    },
  };
}

function setUp(options: { maxRows?: number; maxWaitMs?: number; maxPending?: number } = {}) {
  const clock = createFakeClock();
  const table = slowTable<number>();
  const { maxRows = 100, maxWaitMs = 0, maxPending = 1_000 } = options;
  return { clock, ...table, writer: groupedWriter({ write: table.write, maxRows, maxWaitMs, maxPending, clock }) };
}

describe('a grouped writer', () => {
  it('writes a lone row at once, and those of one turn together', async () => {
    const { writer, groups, flights } = setUp();
    const added = [writer.add(1), writer.add(2)];
    await turn();
    expect(groups).toEqual([[1, 2]]);
    flights[0]!.resolve();
    await Promise.all(added);
    expect(writer.pending).toBe(0);
  });

  it('gathers the next group while one is in flight, and never has two in flight', async () => {
    const { writer, groups, flights } = setUp();
    const first = writer.add(1);
    await turn();
    const second = [writer.add(2), writer.add(3)];
    await turn();
    expect(groups).toEqual([[1]]);
    flights[0]!.resolve();
    await first;
    await turn();
    expect(groups).toEqual([[1], [2, 3]]);
    flights[1]!.resolve();
    await Promise.all(second);
  });

  it('waits for company no longer than it is told, and not at all when a group is full', async () => {
    const { writer, groups, flights, clock } = setUp({ maxWaitMs: 5, maxRows: 2 });
    const first = writer.add(1);
    clock.advance(4);
    expect(groups).toEqual([]);
    clock.advance(1);
    expect(groups).toEqual([[1]]);
    flights[0]!.resolve();
    await first;
    await turn();
    void writer.add(2);
    void writer.add(3);
    expect(groups).toEqual([[1], [2, 3]]);
    expect(clock.pending).toBe(0);
  });

  it('fails only the rows of the group that failed', async () => {
    const { writer, flights } = setUp({ maxRows: 2 });
    const results = Promise.allSettled([writer.add(1), writer.add(2), writer.add(3)]);
    flights[0]!.reject(new Error('disk full'));
    await turn();
    flights[1]!.resolve();
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(writer.pending).toBe(0);
  });

  it('refuses rows beyond its bound and takes them again when there is room', async () => {
    const { writer, flights } = setUp({ maxPending: 2 });
    const added = [writer.add(1), writer.add(2)];
    await expect(writer.add(3)).rejects.toMatchObject({ code: 'overloaded' });
    await turn();
    flights[0]!.resolve();
    await Promise.all(added);
    const third = writer.add(3);
    await turn();
    flights[1]!.resolve();
    await third;
  });

  it('writes all it has before it is closed, and nothing after', async () => {
    const { writer, groups, flights } = setUp({ maxWaitMs: 1_000, maxRows: 2 });
    const added = [writer.add(1), writer.add(2), writer.add(3)];
    const closed = writer.close();
    await expect(writer.add(4)).rejects.toMatchObject({ code: 'unavailable' });
    flights[0]!.resolve();
    await turn();
    flights[1]!.resolve();
    await closed;
    await Promise.all(added);
    expect(groups).toEqual([[1, 2], [3]]);
    await expect(writer.close()).resolves.toBeUndefined();
  });

  it('keeps rows that a write itself adds for the next group', async () => {
    const groups: number[][] = [];
    let under = 0;
    const writer = groupedWriter<number>({
      async write(rows) {
        under += 1;
        expect(under).toBe(1);
        groups.push(rows);
        if (rows[0] === 1) void writer.add(2);
        await turn();
        under -= 1;
      },
      maxRows: 1,
      maxWaitMs: 0,
      maxPending: 10,
      clock: createFakeClock(),
    });
    await writer.add(1);
    await writer.close();
    expect(groups).toEqual([[1], [2]]);
  });

  it('writes every row it took exactly once and in order, whatever the pace, the failures and the close', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), rows: fc.integer({ min: 1, max: 6 }) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('land' as const), fails: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20 }) }) },
    );
    const options = fc.record({
      maxRows: fc.integer({ min: 1, max: 5 }),
      maxWaitMs: fc.integer({ min: 0, max: 10 }),
      maxPending: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 40 }), async (bounds, steps) => {
        const { writer, groups, flights, clock } = setUp(bounds);
        const outcomes: Promise<[number, 'written' | 'failed' | 'refused']>[] = [];
        const failedFlights = new Set<number>();
        let landed = 0;
        let next = 0;
        const land = async (fails: boolean) => {
          if (landed === flights.length) return;
          if (fails) failedFlights.add(landed);
          if (fails) flights[landed]!.reject(new Error('failed'));
          else flights[landed]!.resolve();
          landed += 1;
          await turn();
        };
        for (const at of steps) {
          if (at.kind === 'land') await land(at.fails);
          else if (at.kind === 'wait') await clock.advanceAsync(at.ms);
          else {
            for (let i = 0; i < at.rows; i += 1) {
              const row = (next += 1);
              const outcome = writer.add(row).then(
                () => 'written' as const,
                (error: { code?: string }) =>
                  error.code === 'overloaded' ? ('refused' as const) : ('failed' as const),
              );
              outcomes.push(outcome.then((how) => [row, how]));
            }
          }
          expect(writer.pending).toBeLessThanOrEqual(bounds.maxPending);
          expect(flights.length - landed).toBeLessThanOrEqual(1);
        }
        const closed = writer.close();
        while (landed < flights.length) await land(false);
        await closed;

        const results = await Promise.all(outcomes);
        const taken = results.filter(([, how]) => how !== 'refused').map(([row]) => row);
        expect(groups.flat()).toEqual(taken);
        expect(groups.every((rows) => rows.length <= bounds.maxRows)).toBe(true);
        const failed = groups.filter((_, index) => failedFlights.has(index)).flat();
        expect(results.filter(([, how]) => how === 'failed').map(([row]) => row)).toEqual(failed);
        expect(writer.pending).toBe(0);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
