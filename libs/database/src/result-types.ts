/** `timestamp` without a zone is taken as UTC, whatever the zone of this process: '2026-01-02 03:04:05.678'. */
export function parseTimestamp(text: string): Date {
  return new Date(`${text.replace(' ', 'T')}Z`);
}

/** `bigint` as a number while that is exact, as a bigint beyond 2^53. */
export function parseBigint(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
