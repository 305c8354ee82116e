export const DAY_MS = 86_400_000;

/** The day, the ISO week and the month (UTC) that a moment lies in, ms since 1970. */
export interface Windows {
  dayStart: number;
  dayEnd: number;
  weekStart: number;
  weekEnd: number;
  monthStart: number;
  monthEnd: number;
}

export function windowsOf(now: number): Windows {
  const day = Math.floor(now / DAY_MS);
  // 1970 began on a Thursday; weeks begin on Mondays.
  const monday = Math.floor((day + 3) / 7) * 7 - 3;
  const date = new Date(now);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return {
    dayStart: day * DAY_MS,
    dayEnd: (day + 1) * DAY_MS,
    weekStart: monday * DAY_MS,
    weekEnd: (monday + 7) * DAY_MS,
    monthStart: Date.UTC(year, month, 1),
    monthEnd: Date.UTC(year, month + 1, 1),
  };
}
