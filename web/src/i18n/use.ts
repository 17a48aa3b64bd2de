import { useMemo } from 'react';
import { useUi } from '../state/ui.ts';
import { formatter, type Formatter } from './format.ts';
import { translator, type Translator } from './index.ts';

/** The translator of the language on the screen. Components render only once the first language has come. */
export function useT(): Translator {
  const messages = useUi((state) => state.messages);
  const language = useUi((state) => state.language);
  return useMemo(() => {
    if (!messages) throw new Error('no language has been loaded');
    return translator(messages, language);
  }, [messages, language]);
}

/** Dates, times and numbers the language's way, in `timeZone` (absent: the browser's). */
export function useFormat(timeZone?: string): Formatter {
  const language = useUi((state) => state.language);
  return useMemo(() => formatter(language, timeZone), [language, timeZone]);
}
