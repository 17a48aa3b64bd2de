import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter-preact';
import { change } from '../api/client.ts';
import { EXPORTS, useExport, useExports } from '../api/queries-recorder.ts';
import { useCameras } from '../api/queries.ts';
import type { ExportJob, ExportRequest } from '../api/types-recorder.ts';
import type { Camera, StreamName } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { boxNow } from '../lib/box-time.ts';
import { estimateBytes, speedOf } from '../lib/export-size.ts';
import { localText, zonedInstant } from '../lib/zoned.ts';
import type { Stretch } from '../media/coverage.ts';
import { recordingUrl } from '../media/use-playback.ts';
import { useSize } from '../media/use-size.ts';
import { Choices } from './choice.tsx';
import { ExportProgress } from './export-card.tsx';
import { Icon } from './icon.tsx';
import { Dialog, Field, Notice, Spinner } from './parts.tsx';

/** A download without a job is a matter of minutes on a LAN; longer ones are better made in the background. */
const LONGEST_DIRECT_MS = 6 * 3_600_000;
const MOST_CAMERAS = 16;
/** The box exports a day at a time. */
const LONGEST_MS = 24 * 3_600_000;

type Kind = 'mp4' | 'proof' | 'zip';
const KINDS: Kind[] = ['mp4', 'proof', 'zip'];

export function ExportDialog(props: {
  camera: Camera;
  streams: StreamName[];
  range: Stretch;
  zone: string;
  covered: readonly Stretch[];
  onClose: () => void;
}) {
  const t = useT();
  const [job, setJob] = useState<ExportJob | null>(null);
  return (
    <Dialog title={t('export.title')} wide onClose={props.onClose}>
      {job ? <Running first={job} onClose={props.onClose} /> : <Ask {...props} onJob={setJob} />}
    </Dialog>
  );
}

/** What comes after: how far it is. It goes on without this window. */
function Running({ first, onClose }: { first: ExportJob; onClose: () => void }) {
  const t = useT();
  const job = useExport(first.id);
  return (
    <div class="flex flex-col gap-4">
      <ExportProgress job={job.data ?? first} told />
      <p class="text-sm text-muted">{t('export.background')}</p>
      <div class="flex flex-wrap justify-end gap-3">
        <Link href="/exports" class="btn btn-quiet">
          {t('export.list')}
        </Link>
        <button type="button" class="btn btn-quiet" onClick={onClose}>
          {t('common.close')}
        </button>
      </div>
    </div>
  );
}

function Ask(props: {
  camera: Camera;
  streams: StreamName[];
  range: Stretch;
  zone: string;
  covered: readonly Stretch[];
  onClose: () => void;
  onJob: (job: ExportJob) => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const client = useQueryClient();
  const cameras = useCameras();
  const before = useExports();
  const [start, setStart] = useState(() => localText(props.range.start, props.zone));
  // A second more: the field has whole seconds, and what was chosen should be in it.
  const [end, setEnd] = useState(() => localText(Math.ceil(props.range.end / 1000) * 1000, props.zone));
  const [stream, setStream] = useState<StreamName>(props.streams[0] ?? 'main');
  const [kind, setKind] = useState<Kind>('mp4');
  const [chosen, setChosen] = useState<readonly string[]>([props.camera.id]);
  const [note, setNote] = useState('');
  const from = zonedInstant(start, props.zone);
  const to = zonedInstant(end, props.zone);
  const ordered = to > from;
  const alone = chosen.length === 1 && chosen[0] === props.camera.id;
  const url = ordered ? recordingUrl(props.camera.id, 'video.mp4', stream, from, to) : '';
  const exact = useSize(alone && ordered && to - from <= LONGEST_DIRECT_MS ? url : null);
  const wanted = (cameras.data ?? [props.camera]).filter((one) => chosen.includes(one.id));
  const size =
    typeof exact === 'number'
      ? exact
      : estimateBytes(wanted, stream, ordered ? to - from : 0, alone ? props.covered : null, from, to);
  const speed = speedOf(before.data?.pages.flatMap((page) => page.items) ?? []);
  const wrong = !ordered
    ? t('download.wrongOrder')
    : to - from > LONGEST_MS
      ? t('download.tooLong', { hours: 24 })
      : chosen.length === 0
        ? t('export.noCamera')
        : chosen.length > MOST_CAMERAS
          ? t('export.tooMany', { n: MOST_CAMERAS })
          : alone && exact === 'nothing'
            ? t('download.nothing')
            : null;

  const make = useMutation({
    mutationFn: () => {
      const request: ExportRequest = {
        cameras: [...chosen],
        stream,
        start: new Date(from).toISOString(),
        end: new Date(Math.min(to, boxNow())).toISOString(),
        format: kind === 'zip' ? 'zip' : 'mp4',
        evidence: kind !== 'mp4',
      };
      if (note.trim()) request.note = note.trim();
      return change<ExportJob>('POST', '/exports', request);
    },
    onSuccess: (job) => {
      void client.invalidateQueries({ queryKey: EXPORTS });
      props.onJob(job);
    },
  });

  const toggle = (id: string, on: boolean): void => {
    const next = on ? [...chosen, id] : chosen.filter((one) => one !== id);
    setChosen(next);
    if (next.length > 1) setKind('zip');
  };
  const values = { length: format.duration(Math.max(0, to - from)), size: format.bytes(size) };
  const name = `${props.camera.name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')}_${start.replaceAll(':', '.')}.mp4`;

  return (
    <form
      class="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong) make.mutate();
      }}
    >
      <div class="grid gap-4 sm:grid-cols-2">
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
      </div>
      {(cameras.data?.length ?? 1) > 1 && (
        <details class="rounded-xl border border-line">
          <summary class="flex min-h-11 items-center justify-between gap-3 px-3.5">
            <span class="text-sm font-medium">{t('export.cameras')}</span>
            <span class="text-sm text-muted">{alone ? t('export.thisCamera') : t.n('export.more', chosen.length)}</span>
          </summary>
          <ul class="max-h-56 overflow-auto border-t border-line py-1">
            {(cameras.data ?? []).map((one) => (
              <li key={one.id}>
                <label class="flex min-h-11 cursor-pointer items-center gap-3 px-3.5 hover:bg-raised">
                  <input
                    type="checkbox"
                    class="size-5 accent-(--accent)"
                    checked={chosen.includes(one.id)}
                    onChange={(event) => toggle(one.id, event.currentTarget.checked)}
                  />
                  {one.name}
                </label>
              </li>
            ))}
          </ul>
        </details>
      )}
      <Choices
        name="format"
        legend={t('export.format')}
        value={kind}
        options={KINDS.map((value) => ({
          value,
          label: t(`export.format.${value}`),
          hint: t(`export.format.${value}.hint`),
          disabled: value !== 'zip' && chosen.length > 1,
        }))}
        onChange={setKind}
      />
      {chosen.length > 1 && <p class="-mt-2 text-sm text-muted">{t('export.onlyOne')}</p>}
      <div class="grid gap-4 sm:grid-cols-2">
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
        <Field label={t('export.note')}>
          {(attributes) => (
            <input
              {...attributes}
              class="input"
              name="note"
              maxLength={500}
              autocomplete="off"
              placeholder={t('export.notePlaceholder')}
              value={note}
              onInput={(event) => setNote(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
      <div aria-live="polite">
        {wrong ? (
          <Notice tone="warning">{wrong}</Notice>
        ) : (
          <p class="text-sm text-muted">
            <span class="font-medium text-ink">
              {speed === null
                ? t('export.estimate', values)
                : t('export.estimateTime', { ...values, time: format.duration((size / speed) * 1000 + 1000) })}
            </span>
            <br />
            {t('export.hint')}
          </p>
        )}
      </div>
      {make.isError && (
        <Notice tone="bad" live>
          {make.error.message}
        </Notice>
      )}
      <div class="flex flex-wrap items-center justify-end gap-3">
        {alone && kind === 'mp4' && !wrong && to - from <= LONGEST_DIRECT_MS && (
          <a
            class="mr-auto inline-flex min-h-11 items-center gap-2 text-sm underline underline-offset-2"
            href={url}
            download={name}
            title={t('export.directHint')}
          >
            <Icon name="download" size={18} /> {t('export.direct')}
          </a>
        )}
        <button type="button" class="btn btn-quiet" onClick={props.onClose}>
          {t('common.cancel')}
        </button>
        <button type="submit" class="btn btn-primary" disabled={wrong !== null || make.isPending}>
          {make.isPending ? <Spinner /> : <Icon name="export" size={20} />} {t('export.do')}
        </button>
      </div>
    </form>
  );
}
