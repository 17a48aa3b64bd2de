import { useEffect, useState } from 'react';
import { fetchMedia } from '../api/client.ts';
import type { Camera, StreamName } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { localText, zonedInstant } from '../lib/zoned.ts';
import { coveredMs, type Stretch } from '../media/coverage.ts';
import { recordingUrl } from '../media/use-playback.ts';
import { Icon } from './icon.tsx';
import { Dialog, Field, Notice } from './parts.tsx';

/** One file of this length is a matter of minutes on a LAN; longer ones are better fetched in pieces. */
const LONGEST_MS = 6 * 3_600_000;

export function DownloadDialog(props: {
  camera: Camera;
  streams: StreamName[];
  /** Where the range begins to be thought of. */
  at: number;
  now: number;
  zone: string;
  covered: readonly Stretch[];
  onClose: () => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const [start, setStart] = useState(() => localText(props.at - 30_000, props.zone));
  const [end, setEnd] = useState(() => localText(Math.min(props.at + 30_000, props.now), props.zone));
  const [stream, setStream] = useState<StreamName>(props.streams[0] ?? 'main');
  const from = zonedInstant(start, props.zone);
  const to = zonedInstant(end, props.zone);
  const known = !Number.isNaN(from) && !Number.isNaN(to);
  const url = known ? recordingUrl(props.camera.id, 'video.mp4', stream, from, to) : '';
  const wrong =
    !known || to <= from
      ? t('download.wrongOrder')
      : to - from > LONGEST_MS
        ? t('download.tooLong', { hours: 6 })
        : null;
  const exact = useSize(wrong ? null : url);
  const rate = props.camera.status.streams[stream]?.bit_rate ?? 0;
  const guess = (coveredMs(props.covered, from, to) / 1000) * (rate / 8);
  const nothing = exact === 'nothing';
  const size = typeof exact === 'number' ? exact : guess;
  const name = `${props.camera.name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')}_${start.replaceAll(':', '.')}.mp4`;

  return (
    <Dialog title={t('download.title')} onClose={props.onClose}>
      <div class="flex flex-col gap-4">
        <Field label={t('download.start')}>
          {(attributes) => (
            <input
              {...attributes}
              class="input tnum"
              type="datetime-local"
              step="1"
              name="start"
              value={start}
              onChange={(event) => setStart(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label={t('download.end')}>
          {(attributes) => (
            <input
              {...attributes}
              class="input tnum"
              type="datetime-local"
              step="1"
              name="end"
              value={end}
              onChange={(event) => setEnd(event.currentTarget.value)}
            />
          )}
        </Field>
        {props.streams.length > 1 && (
          <Field label={t('camera.quality')}>
            {(attributes) => (
              <select
                {...attributes}
                class="input"
                name="stream"
                value={stream}
                onChange={(event) => setStream(event.currentTarget.value as StreamName)}
              >
                {props.streams.map((one) => (
                  <option key={one} value={one}>
                    {t(`stream.${one}`)}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <div aria-live="polite">
          {wrong || nothing ? (
            <Notice tone="warning">{wrong ?? t('download.nothing')}</Notice>
          ) : (
            <p class="text-sm text-muted">
              {t('download.length', { length: format.duration(to - from), size: format.bytes(size) })}
              <br />
              {t('download.hint')}
            </p>
          )}
        </div>
        <div class="flex flex-wrap justify-end gap-3">
          <button type="button" class="btn btn-quiet" onClick={props.onClose}>
            {t('common.cancel')}
          </button>
          {wrong || nothing ? (
            <button type="button" class="btn btn-primary" disabled>
              <Icon name="download" size={20} /> {t('download.do')}
            </button>
          ) : (
            <a class="btn btn-primary" href={url} download={name} onClick={() => setTimeout(props.onClose, 300)}>
              <Icon name="download" size={20} /> {t('download.do')}
            </a>
          )}
        </div>
      </div>
    </Dialog>
  );
}

/** The size of a file, asked of the box with a request for its first byte; null until known. */
function useSize(url: string | null): number | 'nothing' | null {
  const [size, setSize] = useState<number | 'nothing' | null>(null);
  useEffect(() => {
    setSize(null);
    if (url === null) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      fetchMedia(url, { range: 'bytes=0-0', signal: abort.signal })
        .then((response) => {
          const total = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1];
          if (total) setSize(Number(total));
          abort.abort();
        })
        .catch((error: { status?: number }) => {
          if (error.status === 404 || error.status === 416) setSize('nothing');
        });
    }, 400);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [url]);
  return size;
}
