/** One line of the table that `make bench` prints. */
export interface BenchRow {
  name: string;
  measured: number | string;
  unit: string;
  /** The figure to reach, in words: `≤ 0.25`. */
  target: string;
  ok: boolean;
  note?: string;
}
