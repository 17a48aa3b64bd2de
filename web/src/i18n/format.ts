import type { Language } from './index.ts';

export interface Formatter {
  /** 14:03:27 */
  clock: (ms: number) => string;
  /** 14:03:27.480 */
  clockMs: (ms: number) => string;
  /** 14:03 */
  minute: (ms: number) => string;
  /** 20 Nov 2026 */
  day: (ms: number) => string;
  /** Fri 20 Nov */
  weekday: (ms: number) => string;
  /** 20 Nov 2026, 14:03:27 */
  dateTime: (ms: number) => string;
  /** 3 minutes ago */
  ago: (ms: number, now: number) => string;
  /** 1.8 TB */
  bytes: (bytes: number) => string;
  /** 4.1 Mbit/s */
  bitRate: (bitsPerSecond: number) => string;
  /** 25 fps, 12.5 fps */
  frameRate: (framesPerSecond: number) => string;
  number: (value: number, digits?: number) => string;
  percent: (share: number) => string;
  /** 2 min 5 s */
  duration: (ms: number) => string;
  /** 3 d 4 h; what is shorter than a day as `duration`, and what is shorter than ten seconds with a digit more. */
  long: (ms: number) => string;
  /** 99.98 %, and never 100 % of what is not whole. */
  share: (share: number) => string;
  /** 45s, 12m, 3h, where there is room for no more. */
  brief: (ms: number) => string;
}

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

function duration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60];
  const parts: string[] = [];
  if (h > 0) parts.push(`${h} h`);
  if (m > 0) parts.push(`${m} min`);
  if (h === 0 && (s > 0 || m === 0)) parts.push(`${s} s`);
  return parts.join(' ');
}

export function formatter(language: Language, timeZone?: string): Formatter {
  const zone = timeZone ? { timeZone } : {};
  const date = (options: Intl.DateTimeFormatOptions): ((ms: number) => string) => {
    const format = new Intl.DateTimeFormat(language, { ...zone, ...options });
    return (ms) => format.format(ms);
  };
  const hms = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const number = (value: number, digits = 0): string =>
    value.toLocaleString(language, { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const unit = (value: number, name: string, digits: number): string =>
    value.toLocaleString(language, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits });

  return {
    clock: date(hms),
    clockMs: date({ ...hms, fractionalSecondDigits: 3 }),
    minute: date({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    day: date({ day: 'numeric', month: 'short', year: 'numeric' }),
    weekday: date({ weekday: 'short', day: 'numeric', month: 'short' }),
    dateTime: date({ day: 'numeric', month: 'short', year: 'numeric', ...hms }),
    ago(ms, now) {
      const seconds = Math.round((ms - now) / 1000);
      const size = Math.abs(seconds);
      if (size < 60) return relative.format(seconds, 'second');
      if (size < 3600) return relative.format(Math.round(seconds / 60), 'minute');
      if (size < 86_400) return relative.format(Math.round(seconds / 3600), 'hour');
      return relative.format(Math.round(seconds / 86_400), 'day');
    },
    bytes(bytes) {
      // Powers of 1000, as disks are sold.
      let step = 0;
      let value = bytes;
      while (Math.abs(value) >= 1000 && step < BYTE_UNITS.length - 1) {
        value /= 1000;
        step += 1;
      }
      return unit(value, BYTE_UNITS[step] ?? 'byte', value >= 100 || step === 0 ? 0 : 1);
    },
    bitRate(bitsPerSecond) {
      if (bitsPerSecond >= 1e6) return `${number(bitsPerSecond / 1e6, 1)} Mbit/s`;
      if (bitsPerSecond >= 1e3) return `${number(bitsPerSecond / 1e3)} kbit/s`;
      return `${number(bitsPerSecond)} bit/s`;
    },
    // Measured rates wobble a little around whole numbers.
    frameRate: (rate) => `${number(rate, Math.abs(rate - Math.round(rate)) < 0.25 ? 0 : 1)} fps`,
    number,
    percent: (share) => share.toLocaleString(language, { style: 'percent', maximumFractionDigits: 0 }),
    duration,
    long(ms) {
      if (ms > 0 && ms < 10_000) return `${number(ms / 1000, 1)} s`;
      if (ms < 86_400_000) return duration(ms);
      const hours = Math.round(ms / 3_600_000);
      return `${Math.floor(hours / 24)} d${hours % 24 > 0 ? ` ${hours % 24} h` : ''}`;
    },
    share(share) {
      const floored = share >= 1 ? 1 : Math.min(0.9999, share);
      const digits = floored > 0.99 && floored < 1 ? 2 : floored === 1 ? 0 : 1;
      return floored.toLocaleString(language, { style: 'percent', maximumFractionDigits: digits });
    },
    brief(ms) {
      const seconds = Math.max(0, Math.round(ms / 1000));
      if (seconds < 60) return `${seconds}s`;
      if (seconds < 3600) return `${Math.round(seconds / 60)}m`;
      return `${Math.round(seconds / 3600)}h`;
    },
  };
}
