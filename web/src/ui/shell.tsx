import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter-preact';
import { BASE } from '../api/client.ts';
import type { MessageKey } from '../i18n/index.ts';
import { useT } from '../i18n/use.ts';
import { useSession } from '../state/session.ts';
import { useUi } from '../state/ui.ts';
import { Icon, Logo, type IconName } from './icon.tsx';
import { LanguageSelect, ThemeChoice } from './preferences.tsx';

const PLACES: { path: string; icon: IconName; label: MessageKey }[] = [
  { path: '/', icon: 'live', label: 'nav.live' },
  { path: '/cameras', icon: 'camera', label: 'nav.cameras' },
  { path: '/events', icon: 'events', label: 'nav.events' },
  { path: '/exports', icon: 'export', label: 'nav.exports' },
  { path: '/storage', icon: 'storage', label: 'nav.storage' },
];

function useHere(): (path: string) => boolean {
  const [location] = useLocation();
  return (path) => (path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`));
}

/** Header, navigation and the page itself. On a phone the navigation is at the bottom, under the thumb. */
export function Shell({ children }: { children: ComponentChildren }) {
  const t = useT();
  const here = useHere();
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  useEffect(() => {
    // A new page begins at its top, for the eye and for the screen reader.
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);

  return (
    <>
      <a
        href="#main"
        class="btn btn-primary pointer-events-none fixed top-2 left-2 z-50 opacity-0 focus-visible:pointer-events-auto focus-visible:opacity-100"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('nav.skip')}
      </a>
      <header class="sticky top-0 z-30 border-b border-line bg-surface pt-[env(safe-area-inset-top)]">
        <div class="flex h-14 items-center gap-2 px-3 sm:px-4">
          <Link
            href="/"
            class="mr-3 flex min-h-11 items-center gap-2.5 rounded-lg text-lg font-semibold tracking-tight"
          >
            <Logo /> Heron
          </Link>
          <nav aria-label={t('nav.label')} class="hidden gap-1 sm:flex">
            {PLACES.map((place) => (
              <Link
                key={place.path}
                href={place.path}
                aria-current={here(place.path) ? 'page' : undefined}
                class="flex min-h-11 items-center gap-2 rounded-xl px-3.5 font-medium text-muted hover:bg-raised hover:text-ink aria-[current]:bg-accent-soft aria-[current]:text-accent"
              >
                <Icon name={place.icon} size={20} /> {t(place.label)}
              </Link>
            ))}
          </nav>
          <div class="ml-auto">
            <UserMenu />
          </div>
        </div>
      </header>
      <OfflineBanner />
      <main
        ref={main}
        id="main"
        tabIndex={-1}
        class="flex min-w-0 flex-1 flex-col pb-[calc(4rem+env(safe-area-inset-bottom))] sm:pb-0"
      >
        {children}
      </main>
      <nav
        aria-label={t('nav.label')}
        class="fixed inset-x-0 bottom-0 z-30 grid grid-cols-5 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] sm:hidden"
      >
        {PLACES.map((place) => (
          <Link
            key={place.path}
            href={place.path}
            aria-current={here(place.path) ? 'page' : undefined}
            class="flex h-16 flex-col items-center justify-center gap-0.5 text-xs font-medium text-muted aria-[current]:text-accent"
          >
            <Icon name={place.icon} size={24} /> {t(place.label)}
          </Link>
        ))}
      </nav>
    </>
  );
}

/** Who is signed in, and what is theirs to choose. */
function UserMenu() {
  const t = useT();
  const user = useSession((state) => state.user);
  const version = useSession((state) => state.version);
  const signOut = useSession((state) => state.signOut);
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    const escape = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', escape);
    };
  }, [open]);

  return (
    <div ref={box} class="relative">
      <button
        ref={button}
        type="button"
        class="flex min-h-11 items-center gap-2 rounded-xl px-2 font-medium text-muted hover:bg-raised hover:text-ink"
        aria-expanded={open}
        aria-label={t('menu.label', { user: user?.username ?? '' })}
        onClick={() => setOpen(!open)}
      >
        <span class="grid size-8 place-items-center rounded-full bg-accent-soft text-sm font-semibold text-accent uppercase">
          {user?.username.slice(0, 1) ?? <Icon name="user" size={18} />}
        </span>
        <Icon name="down" size={16} />
      </button>
      {open && (
        <div class="card absolute top-full right-0 mt-1.5 flex w-72 flex-col gap-4 p-4">
          <div>
            <p class="font-semibold break-words">{user?.username}</p>
            <p class="text-sm text-muted">{t.code('role', user?.role) ?? user?.role}</p>
          </div>
          <ThemeChoice />
          <LanguageSelect />
          <hr class="border-line" />
          <button type="button" class="btn btn-quiet" onClick={() => void signOut()}>
            <Icon name="signOut" size={20} /> {t('menu.signOut')}
          </button>
          <p class="flex items-center justify-between text-xs text-muted">
            <a class="py-1 underline" href="/docs">
              {t('menu.api')}
            </a>
            {version && <span>Heron {version}</span>}
          </p>
        </div>
      )}
    </div>
  );
}

/** Says that the box is away, and asks until it is back. */
export function OfflineBanner() {
  const t = useT();
  const online = useUi((state) => state.online);
  useEffect(() => {
    if (online) return;
    const ask = (): void => {
      // Any answer will do, also one that says the box is unwell.
      fetch(`${BASE}/setup`, { cache: 'no-store' })
        .then((response) => useUi.getState().setOnline(response.status !== 502 && response.status !== 504))
        .catch(() => undefined);
    };
    const timer = setInterval(ask, 2000);
    window.addEventListener('online', ask);
    return () => {
      clearInterval(timer);
      window.removeEventListener('online', ask);
    };
  }, [online]);

  return (
    <div role="status" aria-live="assertive">
      {!online && (
        <p class="flex items-center justify-center gap-2.5 bg-warn-soft px-4 py-2.5 text-sm font-medium text-warn">
          <Icon name="offline" size={18} /> {t('offline.banner')}
        </p>
      )}
    </div>
  );
}
