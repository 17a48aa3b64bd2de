import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { change } from '../api/client.ts';
import { CAMERAS } from '../api/queries.ts';
import type { Time, Camera } from '../api/types.ts';
import type { Translator } from '../i18n/index.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { boxNow } from '../lib/box-time.ts';
import { Icon } from './icon.tsx';
import { Spinner } from './parts.tsx';

/** Somebody pressed the button. */
const MANUAL = new Set(['event:recording.trigger', 'event:manual']);

/** Why the camera is recorded at this moment, or what is waited for; null where the box does not say. */
export function recordingWords(t: Translator, camera: Camera): { words: string; recording: boolean } | null {
  const main = camera.status.streams.main;
  if (!camera.enabled || !main || main.recording_mode === undefined) return null;
  const why = main.recording_why;
  if (why) {
    const kind = why.startsWith('event:') ? (MANUAL.has(why) ? 'manual' : 'event') : why;
    return { words: t.code('plan.recording', kind) ?? t('cameras.recording'), recording: true };
  }
  const words = t.code('plan.waiting', main.recording_mode);
  return words ? { words, recording: false } : null;
}

/** Whether somebody may want to press Record now: the camera is not recorded all the time anyway. */
export function wantsTrigger(camera: Camera): boolean {
  const mode = camera.status.streams.main?.recording_mode ?? camera.record.mode ?? 'continuous';
  return camera.enabled && mode !== 'continuous' && (camera.record.mode !== 'off' || mode !== 'off');
}

/** Records for a while, whatever the plan says. */
export function RecordNow({ camera, zone }: { camera: Camera; zone: string }) {
  const t = useT();
  const format = useFormat(zone);
  const client = useQueryClient();
  const [until, setUntil] = useState<number | null>(null);
  const trigger = useMutation({
    mutationFn: () => change<{ until: Time }>('POST', `/cameras/${camera.id}/trigger`, { kind: 'manual' }),
    onSuccess: (answer) => {
      setUntil(Date.parse(answer.until));
      void client.invalidateQueries({ queryKey: CAMERAS });
    },
  });
  useEffect(() => {
    if (until === null) return;
    const timer = setTimeout(() => setUntil(null), Math.max(0, until - boxNow()));
    return () => clearTimeout(timer);
  }, [until]);
  return (
    <span class="inline-flex flex-wrap items-center gap-3">
      <button
        type="button"
        class="btn btn-quiet"
        title={t('record.nowTitle')}
        disabled={trigger.isPending}
        onClick={() => trigger.mutate()}
      >
        <span class="text-bad">{trigger.isPending ? <Spinner /> : <Icon name="record" size={20} />}</span>
        {t('record.now')}
      </button>
      <span role="status" class="tnum text-sm text-muted">
        {trigger.isError ? (
          <span class="text-bad">{trigger.error.message}</span>
        ) : (
          until !== null && t('record.until', { time: format.clock(until) })
        )}
      </span>
    </span>
  );
}
