import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { BASE, change } from '../api/client.ts';
import { EXPORTS, isUnderWay } from '../api/queries-recorder.ts';
import type { ExportJob, ExportState } from '../api/types-recorder.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { Eta } from '../lib/eta.ts';
import { Progress } from './choice.tsx';
import { Icon, type IconName } from './icon.tsx';
import { Dialog, Notice, Spinner } from './parts.tsx';

const STATES: Record<ExportState, { icon: IconName; colour: string }> = {
  queued: { icon: 'clock', colour: 'text-muted' },
  running: { icon: 'export', colour: 'text-accent' },
  done: { icon: 'check', colour: 'text-ok' },
  failed: { icon: 'warning', colour: 'text-bad' },
  cancelled: { icon: 'close', colour: 'text-muted' },
};

/** How far an export is, and what can be done about it. `told`: its end is read out. */
export function ExportProgress({ job, told = false }: { job: ExportJob; told?: boolean }) {
  const t = useT();
  const format = useFormat();
  const client = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const eta = useRef(new Eta());
  if (job.state === 'running') eta.current.note(Date.now(), job.bytes_done);
  const left = job.state === 'running' ? eta.current.remaining(job.bytes_total) : null;
  const look = STATES[job.state] ?? STATES.queued;

  const act = useMutation({
    mutationFn: (what: 'cancel' | 'resume' | 'delete') =>
      what === 'delete' ? change('DELETE', `/exports/${job.id}`) : change('POST', `/exports/${job.id}/${what}`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: EXPORTS }),
  });

  // The screen reader is told of the end once, and not of every percent.
  const [said, setSaid] = useState('');
  const before = useRef(job.state);
  useEffect(() => {
    if (before.current !== job.state && told)
      setSaid(job.state === 'done' ? t('export.readyLive') : job.state === 'failed' ? t('export.failedLive') : '');
    before.current = job.state;
  }, [job.state, told, t]);

  const percent = format.percent(job.progress);
  return (
    <div class="flex flex-col gap-3">
      <p class={`flex items-center gap-2 font-medium ${look.colour}`}>
        {job.state === 'running' ? <Spinner size={18} /> : <Icon name={look.icon} size={20} />}
        {t.code('export.state', job.state) ?? job.state}
      </p>
      {isUnderWay(job) && (
        <div>
          <Progress
            value={job.state === 'queued' ? 0 : job.progress}
            label={t('export.title')}
            words={left === null ? percent : `${percent}, ${t('export.left', { time: format.duration(left) })}`}
          />
          <p class="tnum mt-1.5 text-sm text-muted">
            {t('export.progress', {
              percent,
              done: format.bytes(job.bytes_done),
              total: format.bytes(job.bytes_total),
            })}
            {left !== null && ` · ${t('export.left', { time: format.duration(left) })}`}
          </p>
        </div>
      )}
      {job.error && <Notice tone="bad">{job.error}</Notice>}
      {job.remarks?.map((remark) => (
        <Notice key={remark} tone="warning">
          {remark}
        </Notice>
      ))}
      {act.isError && (
        <Notice tone="bad" live>
          {act.error.message}
        </Notice>
      )}
      <p role="status" class="sr-only">
        {said}
      </p>
      <div class="flex flex-wrap items-center gap-2">
        {job.state === 'done' && job.file && (
          <a class="btn btn-primary" href={`${BASE}/exports/${job.id}/file`} download={job.file.name}>
            <Icon name="download" size={20} /> {t('export.download', { size: format.bytes(job.file.bytes) })}
          </a>
        )}
        {isUnderWay(job) && (
          <button type="button" class="btn btn-quiet" disabled={act.isPending} onClick={() => act.mutate('cancel')}>
            {t('export.cancel')}
          </button>
        )}
        {(job.state === 'failed' || job.state === 'cancelled') && (
          <button type="button" class="btn btn-quiet" disabled={act.isPending} onClick={() => act.mutate('resume')}>
            <Icon name="refresh" size={20} /> {t('export.resume')}
          </button>
        )}
        {!isUnderWay(job) && (
          <button
            type="button"
            class="btn-icon"
            aria-label={t('export.deleteLabel', { time: format.dateTime(Date.parse(job.created)) })}
            title={t('export.delete')}
            onClick={() => setDeleting(true)}
          >
            <Icon name="trash" size={20} />
          </button>
        )}
      </div>
      {job.state === 'done' && job.file && (
        <dl class="text-xs text-muted">
          <dt class="inline font-medium">{t('export.checksum')}: </dt>
          <dd class="inline font-mono break-all">{job.file.sha256}</dd>
          {job.expires && (
            <dd class="mt-1">{t('export.expires', { time: format.dateTime(Date.parse(job.expires)) })}</dd>
          )}
        </dl>
      )}
      {deleting && (
        <Dialog title={t('export.deleteTitle')} onClose={() => setDeleting(false)}>
          <p class="text-muted">{t('export.deleteText')}</p>
          <div class="mt-5 flex flex-wrap justify-end gap-3">
            <button type="button" class="btn btn-quiet" onClick={() => setDeleting(false)}>
              {t('common.cancel')}
            </button>
            <button
              type="button"
              class="btn btn-bad"
              onClick={() => {
                setDeleting(false);
                act.mutate('delete');
              }}
            >
              {t('export.delete')}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
