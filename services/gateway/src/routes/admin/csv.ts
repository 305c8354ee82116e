type Cell = string | number | boolean | null | undefined;

/** Spreadsheets take a cell that begins so for a formula, and run it. */
const formula = /^[=+\-@\t\r]/;
const needsQuotes = /[",\r\n]/;

/** RFC 4180: a line of names, then one for each row. Texts that a spreadsheet would run as a formula begin with an apostrophe. */
export function csv(columns: readonly string[], rows: readonly Readonly<Record<string, Cell>>[]): string {
  const lines = [columns.map(cell).join(',')];
  for (const row of rows) lines.push(columns.map((column) => cell(row[column])).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function cell(value: Cell): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const harmless = formula.test(value) ? `'${value}` : value;
  return harmless !== value || needsQuotes.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
