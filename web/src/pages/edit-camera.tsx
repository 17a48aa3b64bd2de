import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter-preact';
import { ApiError, change } from '../api/client.ts';
import { CAMERAS, useCamera } from '../api/queries.ts';
import type { Camera, CameraDraft, Probe, ProbeRequest, Transport } from '../api/types.ts';
import { useT } from '../i18n/use.ts';
import { draftName, splitAddress } from '../lib/address.ts';
import { planWords, wholePlan } from '../lib/plan-words.ts';
import { useUi } from '../state/ui.ts';
import { Icon } from '../ui/icon.tsx';
import { Field, Loading, Notice, PageHead, PasswordInput, Spinner, Switch } from '../ui/parts.tsx';
import { ProbeReport } from '../ui/probe-report.tsx';

const PROBE_MS = 12_000;

/** Add a camera (`id` null) or change one. */
export default function EditCameraPage({ id }: { id: string | null }) {
  return id === null ? <CameraForm camera={null} /> : <Existing id={id} />;
}

function Existing({ id }: { id: string }) {
  const camera = useCamera(id);
  if (camera.isPending) return <Loading />;
  if (!camera.data)
    return (
      <div class="mx-auto w-full max-w-3xl p-4">
        <Notice tone="bad" live>
          {camera.error?.message}
        </Notice>
      </div>
    );
  return <CameraForm camera={camera.data} />;
}

const TRANSPORTS: Transport[] = ['auto', 'tcp', 'udp', 'tls'];

function CameraForm({ camera }: { camera: Camera | null }) {
  const t = useT();
  const [, go] = useLocation();
  const client = useQueryClient();
  const [name, setName] = useState(camera?.name ?? '');
  const [source, setSource] = useState(camera?.source ?? '');
  const [subSource, setSubSource] = useState(camera?.sub_source ?? '');
  const [username, setUsername] = useState(camera?.username ?? '');
  const [password, setPassword] = useState('');
  const [transport, setTransport] = useState<Transport>(camera?.transport ?? 'auto');
  const [recording, setRecording] = useState(true);
  const [recordSub, setRecordSub] = useState(true);
  const [enabled, setEnabled] = useState(camera?.enabled ?? true);
  const [problem, setProblem] = useState<{ field: string | null; text: string } | null>(null);
  const report = useRef<HTMLDivElement>(null);

  const probe = useMutation({
    mutationFn: () => {
      const request: ProbeRequest = { source: source.trim(), transport, timeout_ms: PROBE_MS };
      if (subSource.trim()) request.sub_source = subSource.trim();
      if (username) request.username = username;
      if (password) request.password = password;
      return change<Probe>('POST', '/cameras/probe', request);
    },
    onSuccess: (found) => {
      setProblem(null);
      if (found.ok && name.trim() === '') setName(draftName(source));
    },
    onError: (error) => setProblem(blame(error)),
  });

  useEffect(() => {
    if (probe.data) report.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }, [probe.data]);

  const save = useMutation({
    mutationFn: () => {
      const draft: CameraDraft = {
        name: name.trim() || draftName(source),
        source: source.trim(),
        sub_source: subSource.trim() || null,
        username: username || null,
        transport,
        enabled,
      };
      // When to record is a page of its own, once the camera is there.
      if (!camera) draft.record = { mode: recording ? 'continuous' : 'off', sub: recordSub };
      // An empty field of a camera that has a password means: leave it.
      if (password) draft.password = password;
      return camera
        ? change<Camera>('PATCH', `/cameras/${camera.id}`, draft)
        : change<Camera>('POST', '/cameras', draft);
    },
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: CAMERAS });
      go(`/cameras/${saved.id}`, { replace: camera !== null });
    },
    onError: (error) => setProblem(blame(error)),
  });

  /** An address pasted whole, with user and password in it, fills the fields; nothing stays in the address. */
  const takeAddress = (text: string, set: (text: string) => void): void => {
    const split = splitAddress(text);
    set(split.address);
    if (split.username !== null) setUsername(split.username);
    if (split.password !== null) setPassword(split.password);
  };

  const submit = (event: Event): void => {
    event.preventDefault();
    setProblem(null);
    save.mutate();
  };

  const wrong = (field: string): string | null => (problem?.field === field ? problem.text : null);
  const plainText = {
    autocapitalize: 'none',
    autocorrect: 'off',
    autocomplete: 'off',
    spellcheck: false,
  } as const;

  return (
    <div class="mx-auto w-full max-w-5xl px-4 py-5 sm:px-6">
      <PageHead title={camera ? t('edit.title', { name: camera.name }) : t('edit.titleNew')} />
      <form class="grid items-start gap-5 lg:grid-cols-2" onSubmit={submit}>
        <div class="card flex flex-col gap-4 p-4 sm:p-5">
          <Field label={t('edit.address')} hint={t('edit.addressHint')} error={wrong('source')}>
            {(attributes) => (
              <input
                {...attributes}
                {...plainText}
                class="input"
                name="source"
                inputMode="url"
                required
                placeholder="rtsp://192.168.1.64/stream1"
                value={source}
                onInput={(event) => setSource(event.currentTarget.value)}
                onBlur={(event) => takeAddress(event.currentTarget.value, setSource)}
              />
            )}
          </Field>
          <div class="grid gap-4 sm:grid-cols-2">
            <Field label={t('edit.username')} error={wrong('username')}>
              {(attributes) => (
                <input
                  {...attributes}
                  {...plainText}
                  class="input"
                  name="camera-username"
                  value={username}
                  onInput={(event) => setUsername(event.currentTarget.value)}
                />
              )}
            </Field>
            <Field
              label={t('edit.password')}
              error={wrong('password')}
              hint={camera?.has_password && password === '' ? t('edit.passwordKept') : undefined}
            >
              {(attributes) => (
                <PasswordInput
                  {...attributes}
                  name="camera-password"
                  autocomplete="new-password"
                  value={password}
                  onValue={setPassword}
                />
              )}
            </Field>
          </div>
          <Field label={t('edit.subAddress')} hint={t('edit.subAddressHint')} error={wrong('sub_source')}>
            {(attributes) => (
              <input
                {...attributes}
                {...plainText}
                class="input"
                name="sub_source"
                inputMode="url"
                placeholder="rtsp://192.168.1.64/stream2"
                value={subSource}
                onInput={(event) => setSubSource(event.currentTarget.value)}
                onBlur={(event) => takeAddress(event.currentTarget.value, setSubSource)}
              />
            )}
          </Field>
          <Field label={t('edit.transport')} hint={t(`edit.transport.${transport}.hint`)} error={wrong('transport')}>
            {(attributes) => (
              <select
                {...attributes}
                class="input"
                name="transport"
                value={transport}
                onChange={(event) => setTransport(event.currentTarget.value as Transport)}
              >
                {TRANSPORTS.map((choice) => (
                  <option key={choice} value={choice}>
                    {t(`edit.transport.${choice}`)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <button
            type="button"
            class="btn btn-quiet"
            disabled={probe.isPending || source.trim() === ''}
            onClick={() => probe.mutate()}
          >
            {probe.isPending ? <Spinner /> : <Icon name="search" size={20} />} {t('edit.test')}
          </button>
        </div>

        <div class="flex flex-col gap-5">
          <div ref={report} aria-live="polite" class="scroll-mt-20">
            {probe.isPending ? (
              <Testing />
            ) : probe.data ? (
              <ProbeReport probe={probe.data} />
            ) : (
              <div class="card hidden flex-col items-center gap-3 p-8 text-center text-muted lg:flex">
                <Icon name="camera" size={36} />
                <p>{t('edit.testInvite')}</p>
              </div>
            )}
          </div>
          <div class="card flex flex-col gap-4 p-4 sm:p-5">
            <Field label={t('edit.name')} hint={t('edit.nameHint')} error={wrong('name')}>
              {(attributes) => (
                <input
                  {...attributes}
                  class="input"
                  name="name"
                  autocomplete="off"
                  maxLength={100}
                  value={name}
                  onInput={(event) => setName(event.currentTarget.value)}
                />
              )}
            </Field>
            {camera ? (
              <PlanLink camera={camera} />
            ) : (
              <Switch
                label={t('edit.record')}
                hint={t('edit.recordHint')}
                checked={recording}
                onChange={setRecording}
              />
            )}
            {!camera && subSource.trim() !== '' && (
              <Switch
                label={t('edit.recordSub')}
                hint={t('edit.recordSubHint')}
                checked={recordSub}
                disabled={!recording}
                onChange={setRecordSub}
              />
            )}
            {camera && (
              <Switch label={t('edit.enabled')} hint={t('edit.enabledHint')} checked={enabled} onChange={setEnabled} />
            )}
            {problem && !FIELDS.has(problem.field ?? '') && (
              <Notice tone="bad" live>
                {problem.text}
              </Notice>
            )}
            <div class="flex gap-3">
              <Link href={camera ? `/cameras/${camera.id}` : '/cameras'} class="btn btn-quiet">
                {t('common.cancel')}
              </Link>
              <button type="submit" class="btn btn-primary flex-1" disabled={save.isPending}>
                {save.isPending && <Spinner />} {camera ? t('common.save') : t('edit.add')}
              </button>
            </div>
          </div>
        </div>
      </form>
    </div>
  );
}

/** When the camera is recorded, in words, and the way to change it. */
function PlanLink({ camera }: { camera: Camera }) {
  const t = useT();
  const language = useUi((state) => state.language);
  return (
    <div class="rounded-xl border border-line p-3.5">
      <p class="text-sm font-medium">{t('plan.now')}</p>
      <p class="mt-1 text-sm text-muted">{planWords(t, wholePlan(camera.record, undefined), language).join(' ')}</p>
      <Link href={`/cameras/${camera.id}/plan`} class="btn btn-quiet mt-3">
        <Icon name="clock" size={20} /> {t('plan.change')}
      </Link>
    </div>
  );
}

const FIELDS = new Set(['source', 'sub_source', 'username', 'password', 'transport', 'name']);

function blame(error: Error): { field: string | null; text: string } {
  return { field: error instanceof ApiError ? (error.problem.field ?? null) : null, text: error.message };
}

/** How far the test may be: it takes as long as the camera takes, at most twelve seconds. */
function Testing() {
  const t = useT();
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 0.25), 250);
    return () => clearInterval(timer);
  }, []);
  const step = seconds < 1.5 ? 'connect' : seconds < 5 ? 'wait' : 'patient';
  return (
    <div class="card flex flex-col gap-3 p-5">
      <p class="flex items-center gap-3 font-medium">
        <Spinner /> {t(`edit.testing.${step}`)}
      </p>
      <div class="h-1.5 overflow-hidden rounded-full bg-track" aria-hidden="true">
        <div
          class="h-full rounded-full bg-accent transition-[width] duration-300 ease-linear"
          style={{ width: `${Math.min(97, (seconds / (PROBE_MS / 1000)) * 100)}%` }}
        />
      </div>
    </div>
  );
}
