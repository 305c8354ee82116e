import { expect, it } from '@jest/globals';
import { windowsOf } from './calendar.ts';

const at = (text: string) => Date.parse(`${text}Z`);

it.each([
  [
    'a Sunday',
    '2026-03-01T23:59:59.999',
    ['2026-03-01', '2026-03-02'],
    ['2026-02-23', '2026-03-02'],
    ['2026-03-01', '2026-04-01'],
  ],
  [
    'a Monday',
    '2026-03-02T00:00:00.000',
    ['2026-03-02', '2026-03-03'],
    ['2026-03-02', '2026-03-09'],
    ['2026-03-01', '2026-04-01'],
  ],
  [
    'a leap day',
    '2028-02-29T12:00:00.000',
    ['2028-02-29', '2028-03-01'],
    ['2028-02-28', '2028-03-06'],
    ['2028-02-01', '2028-03-01'],
  ],
  [
    'a New Year',
    '2027-01-01T00:00:00.000',
    ['2027-01-01', '2027-01-02'],
    ['2026-12-28', '2027-01-04'],
    ['2027-01-01', '2027-02-01'],
  ],
])('knows day, week and month of %s', (_name, now, day, week, month) => {
  const [dayStart, dayEnd, weekStart, weekEnd, monthStart, monthEnd] = [...day, ...week, ...month].map((date) =>
    at(`${date}T00:00:00`),
  );
  expect(windowsOf(at(now))).toEqual({ dayStart, dayEnd, weekStart, weekEnd, monthStart, monthEnd });
});
