import { useEffect, useMemo, useRef, useState } from 'react';
import { Link } from 'wouter-preact';
import { useCameras } from '../api/queries.ts';
import type { Camera } from '../api/types.ts';
import { useT } from '../i18n/use.ts';
import { useTitle } from '../lib/use-title.ts';
import { useDeviceWidth } from '../lib/use-width.ts';
import { useLive } from '../media/use-live.ts';
import { useSession } from '../state/session.ts';
import { useUi, type Layout } from '../state/ui.ts';
import { Icon } from '../ui/icon.tsx';
import { LivePicture, liveWords } from '../ui/live-picture.tsx';
import { Empty, Loading, Notice } from '../ui/parts.tsx';
import { StateDot } from '../ui/state.tsx';

const LAYOUTS: Layout[] = [1, 4, 9, 16];

/** Columns on a wide screen; a phone held upright has fewer, so that faces stay faces. */
const COLUMNS: Record<Layout, string> = {
  1: 'grid-cols-1',
  4: 'grid-cols-1 sm:grid-cols-2',
  9: 'grid-cols-2 sm:grid-cols-3',
  16: 'grid-cols-2 sm:grid-cols-4',
};

const ROWS: Record<Layout, string> = {
  1: 'sm:grid-rows-1',
  4: 'sm:grid-rows-2',
  9: 'sm:grid-rows-3',
  16: 'sm:grid-rows-4',
};

export function LivePage() {
  const t = useT();
  useTitle(t('nav.live'));
  const cameras = useCameras();
  const chosen = useUi((state) => state.layout);
  const setLayout = useUi((state) => state.setLayout);
  const mayAdd = useSession((state) => state.may)('configure');
  const [page, setPage] = useState(0);
  const grid = useRef<HTMLUListElement>(null);
  const all = useMemo(() => cameras.data ?? [], [cameras.data]);
  const layout = chosen ?? LAYOUTS.find((size) => size >= all.length) ?? 16;
  const pages = Math.max(1, Math.ceil(all.length / layout));
  const at = Math.min(page, pages - 1);
  const shown = all.slice(at * layout, at * layout + layout);

  useEffect(() => setPage(0), [layout]);

  if (cameras.isPending) return <Loading />;
  if (cameras.isError && all.length === 0)
    return (
      <div class="p-4">
        <Notice tone="bad" live>
          {cameras.error.message}
        </Notice>
      </div>
    );
  if (all.length === 0)
    return (
      <div class="grid flex-1 place-items-center p-4">
        <Empty icon="camera" heading="h1" title={t('live.none')}>
          <p class="text-muted">{mayAdd ? t('live.noneHint') : t('live.noneViewer')}</p>
          {mayAdd && (
            <Link href="/cameras/new" class="btn btn-primary mt-2">
              <Icon name="plus" size={20} /> {t('cameras.add')}
            </Link>
          )}
        </Empty>
      </div>
    );

  const move = (event: KeyboardEvent): void => {
    const columns = grid.current ? getComputedStyle(grid.current).gridTemplateColumns.split(' ').length : 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step === undefined) return;
    const tiles = [...(grid.current?.querySelectorAll('a') ?? [])];
    const next = tiles[tiles.indexOf(document.activeElement as HTMLAnchorElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <div class="flex flex-1 flex-col sm:h-[calc(100dvh-3.5625rem)] sm:flex-none">
      <div class="flex items-center gap-2 px-3 pt-2 pb-1.5">
        <h1 class="sr-only">{t('nav.live')}</h1>
        <LayoutChoice layout={layout} onLayout={setLayout} />
        {pages > 1 && (
          <div class="flex items-center gap-1">
            <button
              type="button"
              class="btn-icon"
              aria-label={t('live.previousPage')}
              disabled={at === 0}
              onClick={() => setPage(at - 1)}
            >
              <Icon name="left" />
            </button>
            <span class="tnum text-sm text-muted" aria-live="polite">
              {at + 1} / {pages}
            </span>
            <button
              type="button"
              class="btn-icon"
              aria-label={t('live.nextPage')}
              disabled={at === pages - 1}
              onClick={() => setPage(at + 1)}
            >
              <Icon name="right" />
            </button>
          </div>
        )}
        <span class="ml-auto text-sm text-muted">
          {t('live.onlineOf', {
            online: all.filter((camera) => camera.status.state === 'online').length,
            all: all.length,
          })}
        </span>
      </div>
      {/* Arrow keys move between the tiles, which are links by themselves. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <ul
        ref={grid}
        onKeyDown={move}
        class={`grid gap-1.5 px-1.5 pb-1.5 sm:min-h-0 sm:flex-1 ${COLUMNS[layout]} ${ROWS[layout]}`}
      >
        {shown.map((camera) => (
          <Tile key={camera.id} camera={camera} />
        ))}
        {Array.from({ length: layout - shown.length }, (_, index) => (
          <li key={index} class="hidden rounded-lg border border-dashed border-line sm:grid">
            {index === 0 && mayAdd && (
              <Link
                href="/cameras/new"
                class="grid place-items-center rounded-lg text-muted hover:text-accent"
                aria-label={t('cameras.add')}
              >
                <span class="flex items-center gap-2 text-sm font-medium">
                  <Icon name="plus" size={18} /> {t('cameras.add')}
                </span>
              </Link>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function LayoutChoice({ layout, onLayout }: { layout: Layout; onLayout: (layout: Layout) => void }) {
  const t = useT();
  return (
    <div role="group" aria-label={t('live.layout')} class="flex rounded-xl border border-line bg-surface">
      {LAYOUTS.map((size) => (
        <button
          key={size}
          type="button"
          class="btn-icon"
          aria-pressed={layout === size}
          aria-label={t('live.layoutOf', { n: size })}
          onClick={() => onLayout(size)}
        >
          <LayoutGlyph side={Math.sqrt(size)} />
        </button>
      ))}
    </div>
  );
}

function LayoutGlyph({ side }: { side: number }) {
  const cell = (18 - (side - 1) * 1.6) / side;
  const squares = [];
  for (let i = 0; i < side * side; i++)
    squares.push(
      <rect
        key={i}
        x={1 + (i % side) * (cell + 1.6)}
        y={1 + Math.floor(i / side) * (cell + 1.6)}
        width={cell}
        height={cell}
        rx={Math.min(2, cell / 3)}
      />,
    );
  return (
    <svg aria-hidden="true" width="20" height="20" viewBox="0 0 20 20" fill="currentColor">
      {squares}
    </svg>
  );
}

function Tile({ camera }: { camera: Camera }) {
  const t = useT();
  const box = useRef<HTMLLIElement>(null);
  const width = useDeviceWidth(box);
  const { video, canvas, frame, state } = useLive(camera, width);
  const words = liveWords(t, camera, state);
  const playing = words === null;
  return (
    <li
      ref={box}
      class="@container relative aspect-video overflow-hidden rounded-lg bg-black sm:aspect-auto sm:min-h-0"
    >
      <Link
        href={`/cameras/${camera.id}`}
        class="absolute inset-0 block focus-visible:z-10 focus-visible:outline-3 focus-visible:-outline-offset-3"
      >
        <div ref={frame} class="absolute inset-0">
          <LivePicture camera={camera} state={state} video={video} canvas={canvas} small>
            <div class="on-picture absolute inset-x-0 bottom-0 flex items-center gap-2 bg-linear-to-t from-black/75 to-transparent px-2.5 pt-6 pb-1.5 text-sm">
              <StateDot state={playing ? 'online' : camera.status.state} />
              <span class="truncate font-medium">{camera.name}</span>
              {playing && <span class="sr-only">{t('state.online')}</span>}
              {playing && state && (
                <span aria-hidden="true" class="tnum ml-auto shrink-0 text-xs text-white/85 @max-3xs:hidden">
                  {state.height ? `${state.height}p` : ''}
                  {state.delayMs !== null && (
                    <span title={t('live.delay')}>
                      {' · '}
                      {state.delayMs} ms
                    </span>
                  )}
                </span>
              )}
            </div>
            {playing && state?.insteadOf && (
              <span class="absolute top-2 left-2 rounded-md bg-black/70 px-2 py-0.5 text-xs text-white">
                {t('live.insteadOf', { codec: state.insteadOf })}
              </span>
            )}
          </LivePicture>
        </div>
      </Link>
    </li>
  );
}
