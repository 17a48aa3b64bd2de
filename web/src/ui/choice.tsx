import type { ComponentChildren } from 'preact';

/** One of a few, each with a line that says what it means. */
export function Choices<T extends string>(props: {
  name: string;
  legend: string;
  value: T;
  options: { value: T; label: string; hint?: string; icon?: ComponentChildren; disabled?: boolean }[];
  /** Columns on a wide screen. */
  columns?: 1 | 2 | 3;
  onChange: (value: T) => void;
}) {
  const wide = { 1: '', 2: 'sm:grid-cols-2', 3: 'sm:grid-cols-3' }[props.columns ?? 1];
  return (
    <fieldset class="min-w-0">
      <legend class="mb-1.5 text-sm font-medium">{props.legend}</legend>
      <div class={`grid gap-2 ${wide}`}>
        {props.options.map((option) => (
          <label
            key={option.value}
            class={`flex min-h-11 items-start gap-3 rounded-xl border border-line px-3.5 py-2.5 has-checked:border-accent has-checked:bg-accent-soft has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent ${option.disabled ? 'opacity-50' : 'cursor-pointer hover:border-line-strong'}`}
          >
            <input
              type="radio"
              class="peer sr-only"
              name={props.name}
              value={option.value}
              checked={props.value === option.value}
              disabled={option.disabled}
              onChange={() => props.onChange(option.value)}
            />
            <span
              aria-hidden="true"
              class="mt-0.5 grid size-5 shrink-0 place-items-center rounded-full border-2 border-line-strong peer-checked:border-accent peer-checked:[&>span]:bg-accent"
            >
              <span class="size-2.5 rounded-full" />
            </span>
            <span class="min-w-0">
              <span class="flex items-center gap-2 font-medium">
                {option.icon}
                {option.label}
              </span>
              {option.hint && <span class="block text-sm text-muted">{option.hint}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A thin bar that fills. `value`: 0 to 1, or null while nobody knows. */
export function Progress({ value, label, words }: { value: number | null; label: string; words?: string }) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(value === null ? {} : { 'aria-valuenow': Math.round(value * 100) })}
      {...(words ? { 'aria-valuetext': words } : {})}
      class="h-2 overflow-hidden rounded-full bg-track"
    >
      <div
        class={`h-full rounded-full bg-accent transition-[width] duration-500 ease-linear ${value === null ? 'w-1/3 breathe' : ''}`}
        style={value === null ? {} : { width: `${Math.min(100, value * 100)}%` }}
      />
    </div>
  );
}
