import { useEffect, useMemo, useRef, useState } from 'react';
import { useSearch } from 'wouter-preact';
import { ApiError } from '../api/client.ts';
import { useLocks } from '../api/queries-recorder.ts';
import { useCamera, useSites, useTimeline } from '../api/queries.ts';
import type { Camera, StreamName } from '../api/types.ts';
import { useT } from '../i18n/use.ts';
import { boxNow } from '../lib/box-time.ts';
import { evidenceRange, movedEdge, rangeAround } from '../lib/range.ts';
import { within, zoomed, type View } from '../lib/ruler.ts';
import { useKeys } from '../lib/use-keys.ts';
import { useTitle } from '../lib/use-title.ts';
import { useDeviceWidth } from '../lib/use-width.ts';
import { browserZone, dayOf, dayRange } from '../lib/zoned.ts';
import { coveredBy, gapsOf, locksOf, originsOf, type Stretch } from '../media/coverage.ts';
import { useLive } from '../media/use-live.ts';
import { usePlayback } from '../media/use-playback.ts';
import { useSession } from '../state/session.ts';
import { CameraHead } from '../ui/camera-head.tsx';
import { DayBar } from '../ui/day-bar.tsx';
import { EvidencePanel } from '../ui/evidence-panel.tsx';
import { ExportDialog } from '../ui/export-dialog.tsx';
import { GapList } from '../ui/gap-list.tsx';
import { LockDialog, LockList } from '../ui/locks.tsx';
import { Loading, Notice } from '../ui/parts.tsx';
import { PlayerBar, SPEEDS } from '../ui/player-bar.tsx';
import { RangeBar } from '../ui/range-bar.tsx';
import { fullScreen, Stage } from '../ui/stage.tsx';
import { StreamFacts } from '../ui/stream-facts.tsx';
import { Timeline } from '../ui/timeline.tsx';
import NotFoundPage from './not-found.tsx';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What a day's timeline shows first: the last hour, up to now. */
const FIRST_VIEW_MS = HOUR;
const SHORTEST_FIRST_MS = 5 * MINUTE;
/** After the hand has moved the view, it stays for so long even if the playhead leaves it. */
const HANDS_OFF_MS = 4000;

export default function CameraPage({ id }: { id: string }) {
  const camera = useCamera(id);
  const sites = useSites();
  if (camera.error instanceof ApiError && camera.error.status === 404) return <NotFoundPage />;
  if (camera.isPending || sites.isPending) return <Loading />;
  if (!camera.data)
    return (
      <div class="p-4">
        <Notice tone="bad" live>
          {camera.error?.message}
        </Notice>
      </div>
    );
  const zone = sites.data?.find((site) => site.id === camera.data.site)?.timezone ?? browserZone();
  return <Room camera={camera.data} zone={zone} />;
}

/** One camera: live or recorded in one picture, its day below. */
function Room({ camera, zone }: { camera: Camera; zone: string }) {
  const t = useT();
  useTitle(camera.name);
  const may = useSession((state) => state.may);
  const asked = Date.parse(new URLSearchParams(useSearch()).get('t') ?? '');
  const now = useNow();

  const [recorded, setRecorded] = useState(false);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const [quality, setQuality] = useState<StreamName>('main');
  const [muted, setMuted] = useState(true);
  const [at, setAt] = useState(now);
  const [day, setDay] = useState(() => dayOf(now, zone));
  const [exporting, setExporting] = useState(false);
  const [locking, setLocking] = useState(false);
  const [said, setSaid] = useState('');
  const [chosen, setChosen] = useState<Stretch | null>(null);
  const [proving, setProving] = useState<Stretch | null>(null);
  const touched = useRef(0);
  const stage = useRef<HTMLDivElement>(null);

  const range = useMemo(() => dayRange(day, zone), [day, zone]);
  const today = now >= range.start && now < range.end;
  const [view, setView] = useState<View>(() => firstView(range, now));

  const hasSub = camera.sub_source !== null || camera.status.streams.sub !== undefined;
  const streams: StreamName[] = useMemo(() => {
    if (!hasSub) return ['main'];
    return quality === 'sub' ? ['sub', 'main'] : ['main', 'sub'];
  }, [hasSub, quality]);

  const timeline = useTimeline(camera.id, range.start, range.end, MINUTE, today);
  const main = useMemo(() => coveredBy(timeline.data, 'main'), [timeline.data]);
  const sub = useMemo(() => coveredBy(timeline.data, 'sub'), [timeline.data]);
  const origins = useMemo(() => originsOf(timeline.data, 'main'), [timeline.data]);
  const locked = useLocks(camera.id, range.start, range.end, may('playback'));
  const locks = useMemo(() => locksOf(locked.data), [locked.data]);
  const gaps = useMemo(() => gapsOf(timeline.data, 'main', now), [timeline.data, now]);
  const events = useMemo(() => {
    const bins = timeline.data?.bins;
    return bins?.events ? { start: Date.parse(bins.start), width: bins.width_ms, counts: bins.events } : null;
  }, [timeline.data]);

  // A box that has just begun has minutes and not hours: the first view shows those.
  const fitted = useRef(false);
  useEffect(() => {
    const first = main[0]?.start ?? sub[0]?.start;
    if (fitted.current || first === undefined) return;
    fitted.current = true;
    const length = boxNow() - first;
    if (!today || first <= range.start || length > FIRST_VIEW_MS * 0.5) return;
    const shown = Math.max(SHORTEST_FIRST_MS, length * 1.3);
    setView(within({ start: boxNow() - shown * 0.92, end: boxNow() + shown * 0.08 }, range));
  }, [main, sub, range, today]);

  const width = useDeviceWidth(stage);
  const live = useLive(camera, width, !recorded);
  const playback = usePlayback(camera.id, streams, setAt);
  const head = recorded ? at : now;

  // The view follows the playhead when it leaves, unless a hand has just moved the view.
  useEffect(() => {
    if (Date.now() - touched.current < HANDS_OFF_MS) return;
    if (head >= range.start && head < range.end && (head < view.start || head > view.end)) {
      const length = view.end - view.start;
      setView(within({ start: head - length * 0.75, end: head + length * 0.25 }, range));
    }
  }, [head, view, range]);

  const moveView = (next: View): void => {
    touched.current = Date.now();
    setView(next);
  };

  const showDay = (next: string): void => {
    const bounds = dayRange(next, zone);
    setChosen(null);
    setProving(null);
    setDay(next);
    setView(firstView(bounds, boxNow()));
  };

  const seek = (wall: number, draft = false, play = playing || !recorded): void => {
    const latest = boxNow();
    const target = Math.min(wall, latest - 500);
    setAt(target);
    setRecorded(true);
    const player = playback.open();
    if (!player) return;
    player.setRate(speed);
    if (play && !draft) {
      setPlaying(true);
      player.play();
    }
    player.seek(target, draft);
    const wanted = dayOf(target, zone);
    if (wanted !== day) {
      const bounds = dayRange(wanted, zone);
      setDay(wanted);
      setChosen(null);
      setProving(null);
      setView(within({ start: target - HOUR / 2, end: target + HOUR / 2 }, bounds));
    }
  };

  const goLive = (): void => {
    playback.close();
    setRecorded(false);
    setPlaying(false);
    setSpeed(1);
    if (!today) showDay(dayOf(boxNow(), zone));
  };

  const toggle = (): void => {
    // Pausing a live picture is looking at what was just recorded.
    if (!recorded) return seek(boxNow() - 2000, false, false);
    const player = playback.open();
    if (playing) player?.pause();
    else player?.play();
    setPlaying(!playing);
    return undefined;
  };

  const changeSpeed = (next: number): void => {
    setSpeed(next);
    playback.open()?.setRate(next);
  };

  const step = (direction: 1 | -1): void => {
    if (!recorded) return toggle();
    setPlaying(false);
    playback.open()?.step(direction);
    return undefined;
  };

  const changeQuality = (next: StreamName): void => {
    playback.close();
    setQuality(next);
  };

  // A new quality means a new player, that goes on where the old one was.
  const latest = useRef({ recorded, at, playing, seek });
  latest.current = { recorded, at, playing, seek };
  useEffect(() => {
    const before = latest.current;
    if (before.recorded) before.seek(before.at, false, before.playing);
  }, [quality]);

  // `?t=`: an event's moment, or a link somebody sent.
  useEffect(() => {
    if (!Number.isNaN(asked)) latest.current.seek(asked, false, true);
  }, [asked]);

  const bounds: Stretch = { start: range.start, end: Math.min(range.end, now) };
  const choose = (): void => setChosen(chosen ? null : rangeAround(head, bounds));
  const edgeHere = (edge: 'start' | 'end'): void =>
    setChosen(movedEdge(chosen ?? rangeAround(head, bounds), edge, head, bounds));
  const prove = (): void => setProving(evidenceRange(chosen, view, head, now));

  useKeys({
    i: () => edgeHere('start'),
    o: () => edgeHere('end'),
    ' ': toggle,
    k: toggle,
    ArrowLeft: () => seek(head - 10_000),
    ArrowRight: () => seek(head + 10_000),
    'Shift+ArrowLeft': () => seek(head - MINUTE),
    'Shift+ArrowRight': () => seek(head + MINUTE),
    j: () => changeSpeed(SPEEDS[Math.max(0, SPEEDS.indexOf(speed) - 1)] ?? 1),
    l: () => changeSpeed(SPEEDS[Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + 1)] ?? 1),
    ',': () => step(-1),
    '.': () => step(1),
    '+': () => moveView(zoomed(view, head, 0.5, range)),
    '=': () => moveView(zoomed(view, head, 0.5, range)),
    '-': () => moveView(zoomed(view, head, 2, range)),
    Home: goLive,
    f: () => fullScreen(stage.current),
  });

  return (
    <div class="mx-auto flex w-full max-w-[90rem] flex-col gap-3 sm:px-5 sm:py-4">
      <CameraHead camera={camera} zone={zone} onExport={() => setExporting(true)} />

      <Stage
        camera={camera}
        stage={stage}
        live={live}
        playback={playback}
        recorded={recorded}
        muted={muted}
        gaps={gaps}
        zone={zone}
      />

      <div class="flex flex-col gap-3 px-3 sm:px-0">
        <PlayerBar
          live={!recorded}
          playing={recorded ? playing : true}
          at={head}
          zone={zone}
          speed={speed}
          quality={quality}
          qualities={hasSub}
          muted={muted}
          hasSound={camera.status.streams[streams[0] ?? 'main']?.audio != null}
          onToggle={toggle}
          onStep={step}
          onSpeed={changeSpeed}
          onQuality={changeQuality}
          onMute={() => setMuted(!muted)}
          onLive={goLive}
        />
        <Timeline
          day={range}
          view={view}
          onView={moveView}
          main={main}
          sub={sub}
          origins={origins}
          gaps={gaps}
          locks={locks}
          events={events}
          now={now}
          at={head}
          live={!recorded}
          zone={zone}
          range={chosen}
          onRange={setChosen}
          onSeek={(wall, draft) => {
            touched.current = Date.now();
            seek(wall, draft);
          }}
        />
        <DayBar
          day={day}
          today={dayOf(now, zone)}
          at={head}
          choosing={chosen !== null}
          onChoose={choose}
          zone={zone}
          onDay={(next) => {
            showDay(next);
            const shown = dayRange(next, zone);
            const first = boxNow() < shown.end ? null : shown.start;
            if (first !== null) seek(first, false, playing);
          }}
          onTime={(wall) => seek(wall)}
          onZoom={(factor) =>
            moveView(
              zoomed(view, head >= view.start && head <= view.end ? head : (view.start + view.end) / 2, factor, range),
            )
          }
        />
        {chosen && (
          <RangeBar
            range={chosen}
            bounds={bounds}
            at={head}
            day={day}
            zone={zone}
            mayExport={may('export')}
            onRange={setChosen}
            onLock={() => setLocking(true)}
            onExport={() => setExporting(true)}
            onProve={prove}
            onClose={() => setChosen(null)}
          />
        )}
        <p role="status" class="text-sm font-medium text-ok empty:hidden">
          {said}
        </p>
        {timeline.isError && (
          <Notice tone="bad" live>
            {timeline.error.message}
          </Notice>
        )}
        <div class="flex flex-wrap items-start gap-x-8">
          <GapList
            gaps={gaps}
            nothing={timeline.isSuccess && main.length === 0 && sub.length === 0}
            zone={zone}
            onSeek={(wall) => seek(wall)}
          />
          <LockList locks={locked.data ?? []} zone={zone} onSeek={(wall) => seek(wall)} />
        </div>
        {may('playback') && (
          <EvidencePanel
            camera={camera.id}
            stream={hasSub ? quality : 'main'}
            zone={zone}
            asked={proving}
            onAsk={prove}
            onSeek={(wall) => seek(wall)}
          />
        )}
        <section aria-labelledby="streams" class="mt-2 flex flex-col gap-3 pb-4">
          <h2 id="streams" class="text-base font-semibold">
            {t('camera.details')}
          </h2>
          <div class="grid gap-3 lg:grid-cols-2">
            {(['main', 'sub'] as const).map((name) => {
              const stream = camera.status.streams[name];
              return stream ? <StreamFacts key={name} name={name} stream={stream} /> : null;
            })}
          </div>
          <p class="text-sm text-muted max-sm:hidden">
            <span class="font-medium">{t('camera.keys')}:</span> {t('camera.keysText')}
          </p>
        </section>
      </div>
      {exporting && (
        <ExportDialog
          camera={camera}
          streams={hasSub && camera.record.sub ? ['main', 'sub'] : ['main']}
          range={chosen ?? rangeAround(head, bounds)}
          zone={zone}
          covered={main}
          onClose={() => setExporting(false)}
        />
      )}
      {locking && chosen && (
        <LockDialog
          camera={camera.id}
          range={chosen}
          zone={zone}
          onLocked={(words) => {
            setLocking(false);
            setSaid(words);
          }}
          onClose={() => setLocking(false)}
        />
      )}
    </div>
  );
}

function firstView(range: View, now: number): View {
  if (now < range.start || now >= range.end) return range;
  return within({ start: now - FIRST_VIEW_MS * 0.92, end: now + FIRST_VIEW_MS * 0.08 }, range);
}

/** Now by the box's clock, once a second. */
function useNow(): number {
  const [now, setNow] = useState(boxNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(boxNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
