import { useEffect, useRef } from 'react';

/** Keys of the whole page, except where they mean something already. */
export function useKeys(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const target = event.target as HTMLElement;
      if (target.closest('input, select, textarea, dialog, [contenteditable]')) return;
      // Space presses the button or opens the list it is on.
      if (event.key === ' ' && target.closest('button, a, summary')) return;
      const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = latest.current[event.shiftKey && name.length > 1 ? `Shift+${name}` : name];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
}
