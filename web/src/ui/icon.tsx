/** Line icons on a 24-unit grid, drawn for Heron. */
const paths = {
  live: 'M3 7.5A1.5 1.5 0 0 1 4.5 6h9A1.5 1.5 0 0 1 15 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16.5ZM15 10.5l6-3v9l-6-3',
  camera:
    'M4 8.5h3l1.5-2.5h7L17 8.5h3A1.5 1.5 0 0 1 21.5 10v8a1.5 1.5 0 0 1-1.5 1.5H4A1.5 1.5 0 0 1 2.5 18v-8A1.5 1.5 0 0 1 4 8.5ZM12 17a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5',
  events: 'M6 10a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4S6 15 6 10ZM10 19.5a2.1 2.1 0 0 0 4 0',
  storage:
    'M4 6.5C4 5 7.6 4 12 4s8 1 8 2.5S16.4 9 12 9 4 8 4 6.5ZM4 6.5v11C4 19 7.6 20 12 20s8-1 8-2.5v-11M4 12c0 1.5 3.6 2.5 8 2.5s8-1 8-2.5',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.8-3.5 3.8-5.5 7.5-5.5s6.7 2 7.5 5.5',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  left: 'M14.5 6l-6 6 6 6',
  right: 'M9.5 6l6 6-6 6',
  down: 'M6 9.5l6 6 6-6',
  play: 'M7.5 5v14l11.5-7Z',
  pause: 'M8 5.5v13M16 5.5v13',
  stepBack: 'M17.5 6v12l-8-6ZM6.5 6v12',
  stepForward: 'M6.5 6v12l8-6ZM17.5 6v12',
  download: 'M12 4v11M7.5 11l4.5 4.5L16.5 11M5 19.5h14',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v5.5M13.5 10.5v5.5',
  edit: 'M5 19l.8-3.8L16.2 4.8a1.8 1.8 0 0 1 2.5 0l.5.5a1.8 1.8 0 0 1 0 2.5L8.8 18.2ZM14.5 6.5l3 3',
  warning: 'M12 4 2.8 19.5h18.4ZM12 10v4.5M12 17v.1',
  info: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 11v5M12 8v.1',
  sound: 'M4.5 9.5v5h3.5l4.5 4v-13L8 9.5ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11',
  mute: 'M4.5 9.5v5h3.5l4.5 4v-13L8 9.5ZM16 9.5l5 5M21 9.5l-5 5',
  expand: 'M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15',
  power: 'M12 4v8M7 6.5a7.5 7.5 0 1 0 10 0',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z',
  auto: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 3.5v17',
  signOut: 'M14 4.5h4.5v15H14M10.5 8l-4 4 4 4M6.5 12H15',
  calendar: 'M4.5 6.5h15v13h-15ZM4.5 10.5h15M8.5 4v4M15.5 4v4',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6',
  eyeOff:
    'M4 4l16 16M9.9 6A9.4 9.4 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-2.6 3.3M6.3 7.5A15.5 15.5 0 0 0 2.5 12S6 18.5 12 18.5c1.5 0 2.9-.4 4-1M10 10a3 3 0 0 0 4.1 4.1',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20',
  globe:
    'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.5c3 2.5 3.5 5.5 3.5 8.5S15 18 12 20.5C9 18 8.5 15 8.5 12S9 6 12 3.5',
  offline:
    'M4 4l16 16M8.5 16a5 5 0 0 1 5-1.2M5.5 12.5a9.5 9.5 0 0 1 4.5-2.6M2.5 9A14 14 0 0 1 7 6.2M12 5.5A14 14 0 0 1 21.5 9M15.5 11a9.5 9.5 0 0 1 3 1.5M12 19.5v.1',
  lock: 'M6.5 11h11v8.5h-11ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2',
  unlock: 'M6.5 11h11v8.5h-11ZM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2M12 14.5v2',
  range: 'M4.5 5v14M19.5 5v14M8 12h8M10.5 9.5 8 12l2.5 2.5M13.5 9.5 16 12l-2.5 2.5',
  export: 'M12 14.5V4M7.5 8 12 3.5 16.5 8M5 13v6.5h14V13',
  shield: 'M12 3.5 5 6v5.5c0 4.2 2.9 7.4 7 9 4.1-1.6 7-4.8 7-9V6ZM9 12l2.2 2.2L15.2 10',
  shieldBad: 'M12 3.5 5 6v5.5c0 4.2 2.9 7.4 7 9 4.1-1.6 7-4.8 7-9V6ZM12 8.5v4M12 15.5v.1',
  record: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7',
  clock: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2',
  heart: 'M12 19.5S4.5 15 4.5 9.5A4 4 0 0 1 12 7.6a4 4 0 0 1 7.5 1.9C19.5 15 12 19.5 12 19.5Z',
  refresh: 'M19 12a7 7 0 1 1-2-5M19.5 4v4h-4',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 22, filled = false }: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={filled ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width="1.7"
      stroke-linecap="round"
      stroke-linejoin="round"
      class="shrink-0"
    >
      <path d={paths[name]} />
    </svg>
  );
}

/** The bird: neck, beak and a leg in the water. */
export function Logo({ size = 30 }: { size?: number }) {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" class="shrink-0">
      <rect width="32" height="32" rx="9" fill="#0e5866" />
      <g fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round">
        <path d="M26.5 8.6 18.6 7.3a3.6 3.6 0 0 0-4.2 3.6c0 2.5 2.5 3.6 2.5 6.2 0 3.2-2.9 5.6-6.4 5.6-2.3 0-4-.8-5-1.9 2.3-.2 3.6-1.2 4.5-2.9" />
        <path d="M13 22.5V27m3.2-5.9V27" />
      </g>
      <circle cx="18" cy="10.2" r="1.1" fill="#fff" />
    </svg>
  );
}
