import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'react';
import { useT } from '../i18n/use.ts';
import { useTitle } from '../lib/use-title.ts';
import { Icon, type IconName } from './icon.tsx';

export function Spinner({ size = 20 }: { size?: number }) {
  return (
    <svg aria-hidden="true" class="spinner shrink-0" width={size} height={size} viewBox="0 0 24 24" fill="none">
      <circle cx="12" cy="12" r="9" stroke="currentColor" stroke-opacity="0.25" stroke-width="2.5" />
      <path d="M21 12a9 9 0 0 0-9-9" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" />
    </svg>
  );
}

/** A whole page that is on its way. Says so only after a moment: most are there before. */
export function Loading() {
  const t = useT();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="grid min-h-60 flex-1 place-items-center text-muted" role="status">
      {late && (
        <span class="flex items-center gap-3">
          <Spinner /> {t('common.loading')}
        </span>
      )}
    </div>
  );
}

const TONES = {
  info: 'bg-accent-soft text-ink [--tone:var(--accent)]',
  warning: 'bg-warn-soft text-ink [--tone:var(--warn)]',
  bad: 'bg-bad-soft text-ink [--tone:var(--bad)]',
  ok: 'bg-accent-soft text-ink [--tone:var(--ok)]',
} as const;

export type Tone = keyof typeof TONES;

const TONE_ICONS: Record<Tone, IconName> = { info: 'info', warning: 'warning', bad: 'warning', ok: 'check' };

/** A few words set apart: what is wrong, or worth knowing. `live`: read out when it appears. */
export function Notice(props: { tone: Tone; live?: boolean; title?: string; children?: ComponentChildren }) {
  return (
    <div
      class={`flex gap-3 rounded-xl px-4 py-3 ${TONES[props.tone]}`}
      role={props.live ? (props.tone === 'bad' ? 'alert' : 'status') : undefined}
    >
      <span class="mt-0.5 text-(--tone)">
        <Icon name={TONE_ICONS[props.tone]} size={20} />
      </span>
      <div class="min-w-0 flex-1 break-words">
        {props.title && <p class="font-semibold">{props.title}</p>}
        {props.children}
      </div>
    </div>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | null | undefined;
  children: (attributes: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: 'true' }) => ComponentChildren;
}

/** Label, control, hint and error, tied together for screen readers. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = error ? `${id}-error` : hint ? `${id}-hint` : null;
  return (
    <div class="flex flex-col gap-1.5">
      <label for={id} class="text-sm font-medium">
        {label}
      </label>
      {children({
        id,
        ...(described ? { 'aria-describedby': described } : {}),
        ...(error ? { 'aria-invalid': 'true' as const } : {}),
      })}
      {error ? (
        <p id={`${id}-error`} class="text-sm text-bad" role="alert">
          {error}
        </p>
      ) : (
        hint && (
          <div id={`${id}-hint`} class="text-sm text-muted">
            {hint}
          </div>
        )
      )}
    </div>
  );
}

type PasswordProps = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, 'type' | 'class'> & {
  value: string;
  onValue: (value: string) => void;
};

/** A password that can be looked at: thumbs mistype. */
export function PasswordInput({ value, onValue, ...rest }: PasswordProps) {
  const t = useT();
  const [shown, setShown] = useState(false);
  return (
    <div class="relative">
      <input
        {...rest}
        class="input pr-12"
        type={shown ? 'text' : 'password'}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
        autocapitalize="none"
        autocorrect="off"
        spellcheck={false}
      />
      <button
        type="button"
        class="btn-icon absolute top-0 right-0"
        aria-label={shown ? t('common.hidePassword') : t('common.showPassword')}
        aria-pressed={shown}
        onClick={() => setShown(!shown)}
      >
        <Icon name={shown ? 'eyeOff' : 'eye'} size={20} />
      </button>
    </div>
  );
}

/** On or off. */
export function Switch(props: {
  label: string;
  hint?: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}) {
  const id = useId();
  return (
    <label for={id} class="flex min-h-11 cursor-pointer items-center justify-between gap-4">
      <span>
        <span class="font-medium">{props.label}</span>
        {props.hint && <span class="block text-sm text-muted">{props.hint}</span>}
      </span>
      <span class="relative inline-flex shrink-0">
        <input
          id={id}
          type="checkbox"
          role="switch"
          aria-checked={props.checked}
          class="peer absolute inset-0 cursor-pointer appearance-none rounded-full"
          checked={props.checked}
          disabled={props.disabled}
          onChange={(event) => props.onChange(event.currentTarget.checked)}
        />
        <span class="pointer-events-none h-7 w-12 rounded-full border border-line-strong bg-raised transition-colors peer-checked:border-accent peer-checked:bg-accent" />
        <span class="pointer-events-none absolute top-1 left-1 size-5 rounded-full bg-line-strong transition-transform peer-checked:translate-x-5 peer-checked:bg-accent-ink" />
      </span>
    </label>
  );
}

/** A question that stops everything else until it is answered. Escape and the backdrop say no. */
export function Dialog(props: { title: string; wide?: boolean; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    // The backdrop belongs to the dialog element itself; the keyboard has Escape.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={ref}
      aria-labelledby={id}
      class={`card max-h-[90dvh] overflow-auto p-5 text-ink ${props.wide ? 'w-[min(37rem,calc(100vw-2rem))]' : 'w-[min(30rem,calc(100vw-2rem))]'}`}
      onClose={props.onClose}
      onClick={(event) => event.target === ref.current && ref.current?.close()}
    >
      <h2 id={id} class="mb-3 text-lg font-semibold">
        {props.title}
      </h2>
      {props.children}
    </dialog>
  );
}

/** A heading with, on the right, what can be done. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  useTitle(title);
  return (
    <div class="mb-5 flex flex-wrap items-center justify-between gap-3">
      <h1 class="text-xl font-semibold tracking-tight" tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  );
}

/** Nothing here yet, and what to do about it. */
export function Empty(props: { icon: IconName; title: string; heading?: 'h1' | 'h2'; children?: ComponentChildren }) {
  const Heading = props.heading ?? 'h2';
  return (
    <div class="card mx-auto flex w-full max-w-lg flex-col items-center gap-3 px-6 py-12 text-center">
      <span class="grid size-14 place-items-center rounded-2xl bg-accent-soft text-accent">
        <Icon name={props.icon} size={28} />
      </span>
      <Heading class="text-lg font-semibold">{props.title}</Heading>
      {props.children}
    </div>
  );
}
