import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { change } from '../api/client.ts';
import type { Lock } from '../api/types-recorder.ts';
import { useFormat, useT } from '../i18n/use.ts';
import type { Stretch } from '../media/coverage.ts';
import { useSession } from '../state/session.ts';
import { Icon } from './icon.tsx';
import { Dialog, Field, Notice, Spinner } from './parts.tsx';

/** Asks why, and locks. */
export function LockDialog(props: {
  camera: string;
  range: Stretch;
  zone: string;
  onLocked: (words: string) => void;
  onClose: () => void;
}) {
  const t = useT();
  const format = useFormat(props.zone);
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const words = { start: format.clock(props.range.start), end: format.clock(props.range.end) };
  const lock = useMutation({
    mutationFn: () =>
      change<Lock>('POST', `/cameras/${props.camera}/locks`, {
        start: new Date(props.range.start).toISOString(),
        end: new Date(props.range.end).toISOString(),
        reason: reason.trim(),
      }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['locks'] });
      props.onLocked(t('lock.done', words));
    },
  });
  return (
    <Dialog title={t('lock.title')} onClose={props.onClose}>
      <form
        class="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          lock.mutate();
        }}
      >
        <p class="tnum font-medium">
          {format.weekday(props.range.start)},{' '}
          {t('evidence.range', { ...words, length: format.duration(props.range.end - props.range.start) })}
        </p>
        <p class="text-sm text-muted">{t('lock.text')}</p>
        <Field label={t('lock.reason')} hint={t('lock.reasonHint')} error={lock.error?.message}>
          {(attributes) => (
            <input
              {...attributes}
              class="input"
              name="lock-reason"
              required
              maxLength={200}
              autocomplete="off"
              placeholder={t('lock.reasonPlaceholder')}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          )}
        </Field>
        <div class="flex flex-wrap justify-end gap-3">
          <button type="button" class="btn btn-quiet" onClick={props.onClose}>
            {t('common.cancel')}
          </button>
          <button type="submit" class="btn btn-primary" disabled={lock.isPending || reason.trim() === ''}>
            {lock.isPending ? <Spinner /> : <Icon name="lock" size={20} />} {t('lock.do')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** The locks of a day: who, why, and how to end them. */
export function LockList(props: { locks: readonly Lock[]; zone: string; onSeek: (wall: number) => void }) {
  const t = useT();
  const format = useFormat(props.zone);
  const may = useSession((state) => state.may);
  const [undoing, setUndoing] = useState<Lock | null>(null);
  const items = props.locks;
  if (items.length === 0) return null;
  return (
    <details class="text-sm">
      <summary class="inline-flex min-h-11 items-center gap-2 text-muted">
        <span class="text-lock">
          <Icon name="lock" size={18} />
        </span>
        <span class="underline underline-offset-2">{t.n('lock.list', items.length)}</span>
      </summary>
      <ul class="mt-1 flex flex-col">
        {items.map((lock) => {
          const [start, end] = [Date.parse(lock.start), Date.parse(lock.end)];
          const words = { start: format.clock(start), end: format.clock(end) };
          return (
            <li key={lock.id} class="flex items-center gap-2 rounded-lg hover:bg-raised">
              <button
                type="button"
                class="min-h-11 min-w-0 flex-1 px-2 py-1.5 text-left"
                onClick={() => props.onSeek(start)}
              >
                <span class="tnum block font-medium">
                  {t('evidence.range', { ...words, length: format.duration(end - start) })}
                </span>
                <span class="block break-words text-muted">
                  {t('lock.by', { reason: lock.reason, by: lock.by, time: format.dateTime(Date.parse(lock.created)) })}
                </span>
              </button>
              {may('delete') && (
                <button
                  type="button"
                  class="btn btn-quiet"
                  aria-label={t('lock.undoLabel', words)}
                  onClick={() => setUndoing(lock)}
                >
                  <Icon name="unlock" size={18} /> {t('lock.undo')}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {undoing && <UnlockDialog lock={undoing} onClose={() => setUndoing(null)} />}
    </details>
  );
}

function UnlockDialog({ lock, onClose }: { lock: Lock; onClose: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const unlock = useMutation({
    mutationFn: () => change('DELETE', `/locks/${lock.id}`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['locks'] });
      onClose();
    },
  });
  return (
    <Dialog title={t('lock.undoTitle')} onClose={onClose}>
      <p class="break-words">{lock.reason}</p>
      <p class="mt-2 text-muted">{t('lock.undoText')}</p>
      {unlock.isError && (
        <div class="mt-3">
          <Notice tone="bad" live>
            {unlock.error.message}
          </Notice>
        </div>
      )}
      <div class="mt-5 flex flex-wrap justify-end gap-3">
        <button type="button" class="btn btn-quiet" onClick={onClose}>
          {t('common.cancel')}
        </button>
        <button type="button" class="btn btn-bad" disabled={unlock.isPending} onClick={() => unlock.mutate()}>
          {t('lock.undo')}
        </button>
      </div>
    </Dialog>
  );
}
