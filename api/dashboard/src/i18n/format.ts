// Numbers, times and durations as the language writes them.
import i18next from 'i18next';

/** The language with the country that the browser says: en-GB and en-US write times differently. */
const locale = () => navigator.languages.find((l) => l.startsWith(i18next.language)) ?? i18next.language;

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(name: string, make: () => T): T {
  const key = `${i18next.language}:${name}`;
  if (!cache.has(key)) cache.set(key, make());
  return cache.get(key) as T;
}

export const number = (n: number) =>
  kept('number', () => new Intl.NumberFormat(locale())).format(n);

export const decimal = (n: number, digits = 1) =>
  kept(`decimal${digits}`, () => new Intl.NumberFormat(locale(), { maximumFractionDigits: digits })).format(n);

export const percent = (part: number, whole: number) =>
  kept('percent', () => new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 0 })).format(
    // 99.6 % is not yet all of it
    whole ? Math.floor((part / whole) * 100) / 100 : 0,
  );

/** Whole, for tooltips and details. */
export const dateTime = (at: string | number | Date) =>
  kept('dateTime', () => new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' })).format(
    new Date(at),
  );

/** Short, for tables: the time today, else the day and the time. */
export function shortTime(at: string | number | Date, now = new Date()): string {
  const date = new Date(at);
  const today = date.toDateString() === now.toDateString();
  return kept(today ? 'time' : 'dayTime', () => new Intl.DateTimeFormat(locale(), today
    ? { hour: '2-digit', minute: '2-digit', second: '2-digit' }
    : { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })).format(date);
}

/** For the axis of a chart. */
export const hourMinute = (at: number) =>
  kept('hourMinute', () => new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })).format(at);

/** For log lines. */
export const clock = (at: string | number | Date) =>
  kept('clock', () => new Intl.DateTimeFormat(locale(), {
    hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23',
  })).format(new Date(at));

const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

const unitText = (value: number, unit: string) =>
  kept(`unit:${unit}`, () => new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'short' })).format(value);

/** The two largest units: "1 hr 5 min". */
export function duration(ms: number): string {
  if (ms < 1000) return unitText(Math.max(0, Math.round(ms)), 'millisecond');
  let rest = Math.round(ms / 1000);
  if (rest < 10) return unitText(Math.round(ms / 100) / 10, 'second');
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const value = Math.floor(rest / size);
    if (value > 0) parts.push(unitText(value, unit));
    else if (parts.length) break;
    rest -= value * size;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

/** "3 minutes ago", "in 2 hours". */
export function ago(at: string | number | Date, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const format = kept('relative', () => new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }));
  const [unit, size] = units.find(([, s]) => Math.abs(seconds) >= s) ?? ['second', 1];
  return format.format(Math.trunc(seconds / size), unit);
}
