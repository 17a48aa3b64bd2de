import { create } from 'zustand';
import { pickLanguage, load, type Language, type Messages } from '../i18n/index.ts';

export type Theme = 'system' | 'dark' | 'light';
export type Layout = 1 | 4 | 9 | 16;

interface UiState {
  language: Language;
  /** What is on the screen; null until the first language has come. */
  messages: Messages | null;
  theme: Theme;
  /** Tiles of the live grid; null: as many as there are cameras. */
  layout: Layout | null;
  /** The box answers. */
  online: boolean;
  setLanguage: (language: Language) => Promise<void>;
  setTheme: (theme: Theme) => void;
  setLayout: (layout: Layout) => void;
  setOnline: (online: boolean) => void;
}

function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // A private window: the choice lasts as long as the page.
  }
}

const theme = remembered('heron.theme');
const layout = Number(remembered('heron.layout'));

export const useUi = create<UiState>((set, state) => ({
  language: pickLanguage(remembered('heron.language'), navigator.languages),
  messages: null,
  theme: theme === 'dark' || theme === 'light' ? theme : 'system',
  layout: layout === 1 || layout === 4 || layout === 9 || layout === 16 ? layout : null,
  online: true,

  async setLanguage(language) {
    const first = state().messages === null;
    const messages = await load(language);
    set({ language, messages });
    document.documentElement.lang = language;
    if (!first) remember('heron.language', language);
  },

  setTheme(chosen) {
    set({ theme: chosen });
    remember('heron.theme', chosen === 'system' ? null : chosen);
    if (chosen === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = chosen;
  },

  setLayout(chosen) {
    set({ layout: chosen });
    remember('heron.layout', String(chosen));
  },

  setOnline(online) {
    if (state().online !== online) set({ online });
  },
}));
