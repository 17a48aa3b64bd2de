import type { ComponentChildren } from 'preact';
import { useT } from '../i18n/use.ts';
import { useTitle } from '../lib/use-title.ts';
import { Logo } from './icon.tsx';
import { LanguageSelect } from './preferences.tsx';

/** The pages outside the house: one card, the name above it, the language below. */
export function Door(props: { title: string; lead?: string; children: ComponentChildren }) {
  const t = useT();
  useTitle(props.title);
  return (
    <main class="flex flex-1 flex-col items-center justify-center gap-6 px-4 py-8">
      <div class="flex items-center gap-3 text-2xl font-semibold tracking-tight">
        <Logo size={44} /> Heron
      </div>
      <div class="card w-full max-w-md p-5 sm:p-7">
        <h1 class="text-xl font-semibold tracking-tight">{props.title}</h1>
        {props.lead && <p class="mt-1.5 text-muted">{props.lead}</p>}
        <div class="mt-5">{props.children}</div>
      </div>
      <div class="w-52">
        <LanguageSelect compact />
      </div>
      <p class="max-w-md text-center text-sm text-muted">{t('door.foot')}</p>
    </main>
  );
}
