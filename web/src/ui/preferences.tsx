import { LANGUAGES, type Language, type MessageKey } from '../i18n/index.ts';
import { useT } from '../i18n/use.ts';
import { useUi, type Theme } from '../state/ui.ts';
import { Icon, type IconName } from './icon.tsx';

const THEMES: { theme: Theme; icon: IconName; label: MessageKey }[] = [
  { theme: 'system', icon: 'auto', label: 'theme.system' },
  { theme: 'light', icon: 'sun', label: 'theme.light' },
  { theme: 'dark', icon: 'moon', label: 'theme.dark' },
];

export function ThemeChoice() {
  const t = useT();
  const theme = useUi((state) => state.theme);
  const setTheme = useUi((state) => state.setTheme);
  return (
    <fieldset>
      <legend class="mb-1.5 text-sm font-medium">{t('theme.label')}</legend>
      <div class="grid grid-cols-3 gap-1 rounded-xl bg-raised p-1">
        {THEMES.map((choice) => (
          <label
            key={choice.theme}
            class="flex min-h-11 cursor-pointer items-center justify-center gap-1.5 rounded-lg text-sm text-muted has-checked:bg-surface has-checked:text-ink has-checked:shadow-card has-focus-visible:outline-2 has-focus-visible:outline-accent"
          >
            <input
              type="radio"
              name="theme"
              class="sr-only"
              checked={theme === choice.theme}
              onChange={() => setTheme(choice.theme)}
            />
            <Icon name={choice.icon} size={17} /> {t(choice.label)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** The language, each named in itself. `compact`: no visible label, for the pages before signing in. */
export function LanguageSelect({ compact = false }: { compact?: boolean }) {
  const t = useT();
  const language = useUi((state) => state.language);
  const setLanguage = useUi((state) => state.setLanguage);
  return (
    <label class="flex flex-col gap-1.5">
      <span class={compact ? 'sr-only' : 'text-sm font-medium'}>{t('menu.language')}</span>
      <select
        class="input"
        name="language"
        value={language}
        onChange={(event) => void setLanguage(event.currentTarget.value as Language)}
      >
        {LANGUAGES.map((choice) => (
          <option key={choice.code} value={choice.code} lang={choice.code}>
            {choice.name}
          </option>
        ))}
      </select>
    </label>
  );
}
