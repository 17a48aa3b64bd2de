/** English is the list of keys; TypeScript holds the other languages to it. */
type English = (typeof import('./en.ts'))['default'];
export type MessageKey = keyof English;
export type Messages = Record<MessageKey, string>;
export type Language = 'en' | 'pt-BR' | 'es';

export const LANGUAGES: { code: Language; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'pt-BR', name: 'Português (Brasil)' },
  { code: 'es', name: 'Español' },
];

/** One file each, fetched when wanted. */
const files: Record<Language, () => Promise<{ default: Messages }>> = {
  en: () => import('./en.ts'),
  'pt-BR': () => import('./pt-BR.ts'),
  es: () => import('./es.ts'),
};

export async function load(language: Language): Promise<Messages> {
  return (await files[language]()).default;
}

/** The language chosen before, else the first of the browser's that we speak, else English. */
export function pickLanguage(chosen: string | null, wanted: readonly string[]): Language {
  const exact = LANGUAGES.find((language) => language.code === chosen);
  if (exact) return exact.code;
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0];
    const found = LANGUAGES.find((language) => language.code.toLowerCase().split('-')[0] === base);
    if (found) return found.code;
  }
  return 'en';
}

export type Values = Record<string, string | number>;

/** Puts `values` in the places marked `{name}`. */
export function fill(text: string, values: Values | undefined): string {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Keys that come as a pair, `x.one` and `x.other`; the pair is chosen by number. */
export type PluralKey = MessageKey extends infer K ? (K extends `${infer Stem}.one` ? Stem : never) : never;

export interface Translator {
  /** The words of a key. */
  (key: MessageKey, values?: Values): string;
  /** The words for a number of things; `{n}` is the number, written the language's way. */
  n: (key: PluralKey, n: number) => string;
  /** The words for a code that came from the box, when there are words for it. */
  code: (stem: string, code: string | null | undefined) => string | null;
}

export function translator(messages: Messages, language: Language): Translator {
  const plural = new Intl.PluralRules(language);
  const t = ((key, values) => fill(messages[key], values)) as Translator;
  t.n = (key, n) => {
    const form = plural.select(n) === 'one' ? 'one' : 'other';
    return fill(messages[`${key}.${form}` as MessageKey], { n: n.toLocaleString(language) });
  };
  t.code = (stem, code) => (code ? (messages[`${stem}.${code}` as MessageKey] ?? null) : null);
  return t;
}
