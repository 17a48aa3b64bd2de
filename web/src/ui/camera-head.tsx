import { Link } from 'wouter-preact';
import type { Camera } from '../api/types.ts';
import { useT } from '../i18n/use.ts';
import { useSession } from '../state/session.ts';
import { Icon } from './icon.tsx';
import { RecordNow, recordingWords, wantsTrigger } from './record-now.tsx';
import { StateLabel } from './state.tsx';

/** The camera's name, how it does, and what can be done with it. */
export function CameraHead({ camera, zone, onExport }: { camera: Camera; zone: string; onExport: () => void }) {
  const t = useT();
  const may = useSession((state) => state.may);
  const recording = recordingWords(t, camera);
  const trigger = may('acknowledge') && wantsTrigger(camera);
  return (
    <div class="flex flex-wrap items-center gap-x-2 gap-y-1 px-3 pt-2 sm:px-0 sm:pt-0">
      <Link href="/" class="btn-icon -ml-2" aria-label={t('camera.backToGrid')}>
        <Icon name="left" />
      </Link>
      <h1 class="min-w-0 truncate text-lg font-semibold tracking-tight" tabIndex={-1}>
        {camera.name}
      </h1>
      <span class="ml-2 text-sm whitespace-nowrap text-muted">
        <StateLabel state={camera.status.state} />
      </span>
      {recording && (
        <span
          class={`flex items-center gap-1.5 text-sm text-muted max-sm:order-last ${trigger ? '' : 'max-sm:w-full'} sm:ml-2`}
        >
          <span
            aria-hidden="true"
            class={`size-2.5 rounded-full ${recording.recording ? 'bg-bad' : 'border-2 border-line-strong'}`}
          />
          {recording.words}
        </span>
      )}
      {trigger && (
        <span class="max-sm:order-last max-sm:ml-auto sm:ml-2">
          <RecordNow camera={camera} zone={zone} />
        </span>
      )}
      <div class="ml-auto flex">
        <Link
          href={`/cameras/${camera.id}/history`}
          class="btn-icon"
          aria-label={t('gaps.link')}
          title={t('gaps.link')}
        >
          <Icon name="calendar" />
        </Link>
        {may('export') && (
          <button type="button" class="btn-icon" aria-label={t('export.do')} title={t('export.do')} onClick={onExport}>
            <Icon name="export" />
          </button>
        )}
        {may('configure') && (
          <>
            <Link
              href={`/cameras/${camera.id}/plan`}
              class="btn-icon"
              aria-label={t('plan.link')}
              title={t('plan.link')}
            >
              <Icon name="clock" />
            </Link>
            <Link
              href={`/cameras/${camera.id}/edit`}
              class="btn-icon"
              aria-label={t('camera.edit')}
              title={t('camera.edit')}
            >
              <Icon name="edit" />
            </Link>
          </>
        )}
      </div>
    </div>
  );
}
