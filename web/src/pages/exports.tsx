import { useExports } from '../api/queries-recorder.ts';
import { useCameras } from '../api/queries.ts';
import type { ExportJob } from '../api/types-recorder.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { ExportProgress } from '../ui/export-card.tsx';
import { Empty, Loading, Notice, PageHead, Spinner } from '../ui/parts.tsx';

/** What was taken out of the box, what is being made, and what became of it. */
export default function ExportsPage() {
  const t = useT();
  const cameras = useCameras();
  const exports = useExports();
  const names = new Map((cameras.data ?? []).map((one) => [one.id, one.name]));
  const items = exports.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div class="mx-auto w-full max-w-3xl px-4 py-5 sm:px-6">
      <PageHead title={t('exports.title')} />
      {exports.isError && (
        <Notice tone="bad" live>
          {exports.error.message}
        </Notice>
      )}
      {exports.isPending && <Loading />}
      {exports.isSuccess && items.length === 0 && (
        <Empty icon="export" title={t('exports.none')}>
          <p class="text-muted">{t('exports.noneHint')}</p>
        </Empty>
      )}
      {items.length > 0 && (
        <>
          <p class="-mt-3 mb-4 text-sm text-muted">{t('exports.lead')}</p>
          <ol class="flex flex-col gap-3">
            {items.map((job) => (
              <ExportItem key={job.id} job={job} names={names} />
            ))}
          </ol>
        </>
      )}
      {exports.hasNextPage && (
        <button
          type="button"
          class="btn btn-quiet mt-4 w-full"
          disabled={exports.isFetchingNextPage}
          onClick={() => void exports.fetchNextPage()}
        >
          {exports.isFetchingNextPage && <Spinner />} {t('exports.more')}
        </button>
      )}
    </div>
  );
}

function ExportItem({ job, names }: { job: ExportJob; names: ReadonlyMap<string, string> }) {
  const t = useT();
  const format = useFormat();
  const [start, end] = [Date.parse(job.start), Date.parse(job.end)];
  const first = names.get(job.cameras[0] ?? '') ?? '–';
  const kind = job.format === 'zip' ? 'zip' : job.evidence ? 'proof' : 'mp4';
  return (
    <li class="card grid gap-x-6 gap-y-3 p-4 sm:grid-cols-[1fr_minmax(14rem,auto)]">
      <div class="min-w-0">
        <h2 class="font-semibold break-words">
          {job.cameras.length > 1 ? t('exports.cameras', { first, n: job.cameras.length - 1 }) : first}
        </h2>
        <p class="tnum text-sm">
          <time dateTime={job.start}>{format.dateTime(start)}</time> – {format.clock(end)}{' '}
          <span class="text-muted">({format.duration(end - start)})</span>
        </p>
        <p class="mt-1 text-sm text-muted">
          <span class="mr-2 rounded-md bg-raised px-1.5 py-0.5 text-xs font-medium text-ink">
            {t(`export.format.${kind}`)}
          </span>
          {t(`stream.${job.stream}`)}
          {job.created_by && ` · ${t('exports.by', { who: job.created_by })}`}
        </p>
        {job.note && <p class="mt-1.5 text-sm break-words">{job.note}</p>}
      </div>
      <ExportProgress job={job} told />
    </li>
  );
}
