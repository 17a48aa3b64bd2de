import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter-preact';
import { change } from '../api/client.ts';
import { CAMERAS, useCameras } from '../api/queries.ts';
import type { Camera } from '../api/types.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { codecName } from '../media/codecs.ts';
import { useSession } from '../state/session.ts';
import { Icon } from '../ui/icon.tsx';
import { Dialog, Empty, Loading, Notice, PageHead, Spinner } from '../ui/parts.tsx';
import { GradeLabel, StateLabel } from '../ui/state.tsx';

export default function CamerasPage() {
  const t = useT();
  const cameras = useCameras();
  const may = useSession((state) => state.may);
  const [wanted, setWanted] = useState('');

  if (cameras.isPending) return <Loading />;
  const all = cameras.data ?? [];
  const found = all.filter((camera) =>
    `${camera.name} ${camera.source ?? ''}`.toLowerCase().includes(wanted.trim().toLowerCase()),
  );

  return (
    <div class="mx-auto w-full max-w-5xl px-4 py-5 sm:px-6">
      <PageHead title={t('cameras.title')}>
        {may('configure') && (
          <Link href="/cameras/new" class="btn btn-primary">
            <Icon name="plus" size={20} /> {t('cameras.add')}
          </Link>
        )}
      </PageHead>
      {cameras.isError && (
        <div class="mb-4">
          <Notice tone="bad" live>
            {cameras.error.message}
          </Notice>
        </div>
      )}
      {all.length === 0 && !cameras.isError && (
        <Empty icon="camera" title={t('live.none')}>
          <p class="text-muted">{may('configure') ? t('live.noneHint') : t('live.noneViewer')}</p>
        </Empty>
      )}
      {all.length > 8 && (
        <label class="mb-4 block">
          <span class="sr-only">{t('cameras.search')}</span>
          <input
            class="input"
            type="search"
            name="search"
            placeholder={t('cameras.search')}
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
        </label>
      )}
      <ul class="flex flex-col gap-3">
        {found.map((camera) => (
          <CameraRow key={camera.id} camera={camera} />
        ))}
      </ul>
    </div>
  );
}

function CameraRow({ camera }: { camera: Camera }) {
  const t = useT();
  const format = useFormat();
  const client = useQueryClient();
  const may = useSession((state) => state.may);
  const [deleting, setDeleting] = useState(false);
  const { main } = camera.status.streams;
  const toggle = useMutation({
    mutationFn: () => change<Camera>('PATCH', `/cameras/${camera.id}`, { enabled: !camera.enabled }),
    onSettled: () => client.invalidateQueries({ queryKey: CAMERAS }),
  });
  const why = t.code('reason', camera.status.reason) ?? camera.status.detail ?? camera.status.reason;
  const trouble = camera.enabled && camera.status.state !== 'online' && why;

  return (
    <li class="card p-4">
      <div class="grid grid-cols-[1fr_auto] items-start gap-x-4 gap-y-3 sm:grid-cols-[1fr_auto_auto]">
        <div class="min-w-0">
          <Link href={`/cameras/${camera.id}`} class="text-base font-semibold break-words hover:underline">
            {camera.name}
          </Link>
          <p class="truncate text-sm text-muted">{camera.source}</p>
        </div>
        <dl class="grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5 text-sm max-sm:order-last max-sm:col-span-2 sm:row-span-2">
          {(['main', 'sub'] as const).map((name) => {
            const stream = camera.status.streams[name];
            if (!stream?.codec) return null;
            return (
              <div key={name} class="contents">
                <dt class="text-muted">{t(`stream.${name}.short`)}</dt>
                <dd class="tnum">
                  {codecName(stream.codec)} {stream.width}×{stream.height}
                  {stream.fps !== null && ` · ${format.frameRate(stream.fps)}`}
                  {stream.bit_rate !== null && ` · ${format.bitRate(stream.bit_rate)}`}
                </dd>
              </div>
            );
          })}
        </dl>
        {may('configure') && (
          <div class="-mt-1.5 -mr-1.5 flex">
            <button
              type="button"
              class="btn-icon"
              aria-pressed={camera.enabled}
              aria-label={t('cameras.toggle', { name: camera.name })}
              title={t(camera.enabled ? 'cameras.disableShort' : 'cameras.enableShort')}
              disabled={toggle.isPending}
              onClick={() => toggle.mutate()}
            >
              <Icon name="power" />
            </button>
            <Link
              href={`/cameras/${camera.id}/edit`}
              class="btn-icon"
              aria-label={t('cameras.edit', { name: camera.name })}
            >
              <Icon name="edit" />
            </Link>
            <button
              type="button"
              class="btn-icon"
              aria-label={t('cameras.delete', { name: camera.name })}
              onClick={() => setDeleting(true)}
            >
              <Icon name="trash" />
            </button>
          </div>
        )}
        <p class="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm max-sm:col-span-2">
          <StateLabel state={camera.status.state} />
          {main && camera.status.state === 'online' && <GradeLabel grade={main.grade} />}
          {main?.recording && (
            <span class="inline-flex items-center gap-1.5 text-muted">
              <span aria-hidden="true" class="size-2 rounded-full bg-bad" /> {t('cameras.recording')}
            </span>
          )}
        </p>
      </div>
      {trouble && (
        <div class="mt-3">
          <Notice tone="warning">
            {trouble} {t.code('todo', camera.status.reason)}
          </Notice>
        </div>
      )}
      {toggle.isError && (
        <div class="mt-3">
          <Notice tone="bad" live>
            {toggle.error.message}
          </Notice>
        </div>
      )}
      {deleting && <DeleteDialog camera={camera} onClose={() => setDeleting(false)} />}
    </li>
  );
}

function DeleteDialog({ camera, onClose }: { camera: Camera; onClose: () => void }) {
  const t = useT();
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => change('DELETE', `/cameras/${camera.id}`),
    onSuccess: () => {
      client.setQueryData<Camera[]>(CAMERAS, (all) => all?.filter((other) => other.id !== camera.id));
      onClose();
    },
  });
  return (
    <Dialog title={t('cameras.deleteTitle', { name: camera.name })} onClose={onClose}>
      <p>{t('cameras.deleteText')}</p>
      {remove.isError && (
        <div class="mt-3">
          <Notice tone="bad" live>
            {remove.error.message}
          </Notice>
        </div>
      )}
      <div class="mt-5 flex flex-wrap justify-end gap-3">
        <button type="button" class="btn btn-quiet" onClick={onClose}>
          {t('common.cancel')}
        </button>
        <button type="button" class="btn btn-bad" disabled={remove.isPending} onClick={() => remove.mutate()}>
          {remove.isPending && <Spinner />} {t('cameras.deleteDo')}
        </button>
      </div>
    </Dialog>
  );
}
