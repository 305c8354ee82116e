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

/** A figure that must not be above its target. */
export function atMost(name: string, measured: number, target: number, unit: string, note?: string): BenchRow {
  return { name, measured, unit, target: `≤ ${target}`, ok: measured <= target, note };
}

/** The rows as text for a terminal. */
export function table(rows: readonly BenchRow[]): string {
  const lines = rows.map((row) => [
    row.target === '' ? ' ' : row.ok ? '✓' : '✗',
    row.name,
    typeof row.measured === 'number' ? `${figure(row.measured)} ${row.unit}`.trim() : row.measured,
    row.target,
    row.note ?? '',
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}
