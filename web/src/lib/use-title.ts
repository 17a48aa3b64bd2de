import { useEffect } from 'react';

/** The window's title, for the tab, the history and the screen reader. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Heron`;
    return () => {
      document.title = 'Heron';
    };
  }, [title]);
}
