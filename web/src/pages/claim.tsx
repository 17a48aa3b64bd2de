import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter-preact';
import { ApiError, Unreachable } from '../api/client.ts';
import { useT } from '../i18n/use.ts';
import { claimToken } from '../lib/claim-token.ts';
import { judgePassword, MIN_LENGTH } from '../lib/password.ts';
import { browserZone } from '../lib/zoned.ts';
import { useSession } from '../state/session.ts';
import { Door } from '../ui/door.tsx';
import { Icon } from '../ui/icon.tsx';
import { Field, Notice, PasswordInput, Spinner } from '../ui/parts.tsx';

type Step = 'token' | 'person' | 'place';
const STEPS: Step[] = ['token', 'person', 'place'];

const FIELD_STEP: Record<string, Step> = {
  claim_token: 'token',
  username: 'person',
  password: 'person',
  site_name: 'place',
  timezone: 'place',
};

/** First boot: who holds the label of the box makes it theirs. */
export default function ClaimPage() {
  const t = useT();
  const [, go] = useLocation();
  const claim = useSession((state) => state.claim);
  const start = useSession((state) => state.start);
  const scanned = claimToken();
  const [step, setStep] = useState<Step>(scanned ? 'person' : 'token');
  const [token, setToken] = useState(scanned ?? '');
  const [username, setUsername] = useState('admin');
  const [password, setPassword] = useState('');
  const [siteName, setSiteName] = useState('');
  const [timezone, setTimezone] = useState(browserZone);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<{ field: string | null; text: string } | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const verdict = judgePassword(password, username);
  const at = STEPS.indexOf(step);

  useEffect(() => {
    form.current?.querySelector<HTMLElement>('input, select')?.focus();
  }, [step]);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setProblem(null);
    if (step === 'token') return setStep('person');
    if (step === 'person') {
      if (!verdict.ok) return setProblem({ field: 'password', text: t('claim.passwordWeak') });
      return setStep('place');
    }
    setBusy(true);
    try {
      await claim({
        claim_token: token.trim(),
        username: username.trim(),
        password,
        ...(siteName.trim() ? { site_name: siteName.trim() } : {}),
        timezone,
      });
      go('/', { replace: true });
    } catch (refused) {
      setBusy(false);
      if (refused instanceof ApiError && refused.status === 409) {
        // Somebody else was quicker; the sign-in page is the truth now.
        await start();
        return;
      }
      if (refused instanceof ApiError) {
        const field =
          refused.problem.field ?? (refused.status === 401 || refused.status === 403 ? 'claim_token' : null);
        const text =
          field === 'claim_token'
            ? t('claim.tokenWrong')
            : refused.status === 429
              ? t('claim.tooMany', { seconds: refused.retryAfter ?? 60 })
              : refused.message;
        setProblem({ field, text });
        if (field && FIELD_STEP[field]) setStep(FIELD_STEP[field]);
      } else {
        setProblem({ field: null, text: refused instanceof Unreachable ? t('offline.waiting') : String(refused) });
      }
    }
    return undefined;
  };

  const wrong = (field: string): string | null => (problem?.field === field ? problem.text : null);

  return (
    <Door title={t('claim.title')} lead={t('claim.lead')}>
      <ol class="mb-5 flex gap-2" aria-label={t('claim.progress', { step: at + 1, steps: STEPS.length })}>
        {STEPS.map((name, index) => (
          <li
            key={name}
            aria-current={name === step ? 'step' : undefined}
            class={`h-1.5 flex-1 rounded-full ${index <= at ? 'bg-accent' : 'bg-track'}`}
          >
            <span class="sr-only">{t(`claim.step.${name}`)}</span>
          </li>
        ))}
      </ol>
      <form ref={form} class="flex flex-col gap-4" onSubmit={(event) => void submit(event)}>
        {step === 'token' && (
          <Field label={t('claim.token')} hint={t('claim.tokenHint')} error={wrong('claim_token')}>
            {(attributes) => (
              <input
                {...attributes}
                class="input font-mono"
                name="claim_token"
                autocomplete="off"
                autocapitalize="none"
                autocorrect="off"
                spellcheck={false}
                required
                value={token}
                onInput={(event) => setToken(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        {step === 'person' && (
          <>
            {scanned && (
              <p class="flex items-center gap-2 text-sm text-ok">
                <Icon name="check" size={18} /> {t('claim.tokenTaken')}
              </p>
            )}
            <Field label={t('signIn.username')} error={wrong('username')}>
              {(attributes) => (
                <input
                  {...attributes}
                  class="input"
                  name="username"
                  autocomplete="username"
                  autocapitalize="none"
                  autocorrect="off"
                  spellcheck={false}
                  required
                  minLength={1}
                  maxLength={64}
                  value={username}
                  onInput={(event) => setUsername(event.currentTarget.value)}
                />
              )}
            </Field>
            <Field label={t('signIn.password')} error={wrong('password')} hint={t('claim.passwordHint')}>
              {(attributes) => (
                <PasswordInput
                  {...attributes}
                  name="password"
                  autocomplete="new-password"
                  required
                  value={password}
                  onValue={setPassword}
                />
              )}
            </Field>
            <div>
              <div
                class="flex gap-1.5"
                role="meter"
                aria-label={t('claim.strength')}
                aria-valuemin={0}
                aria-valuemax={4}
                aria-valuenow={verdict.strength}
                aria-valuetext={t(`claim.strength.${verdict.strength}`)}
              >
                {[1, 2, 3, 4].map((bar) => (
                  <span
                    key={bar}
                    class={`h-1.5 flex-1 rounded-full ${bar <= verdict.strength ? STRENGTH[verdict.strength] : 'bg-track'}`}
                  />
                ))}
              </div>
              <ul class="mt-2.5 flex flex-col gap-1 text-sm">
                {verdict.rules.map((rule) => (
                  <li key={rule.key} class={`flex items-center gap-2 ${rule.met ? 'text-ok' : 'text-muted'}`}>
                    <span
                      class={`grid size-4.5 place-items-center rounded-full border ${rule.met ? 'border-ok' : 'border-line-strong'}`}
                    >
                      {rule.met && <Icon name="check" size={13} />}
                    </span>
                    {t(`claim.rule.${rule.key}`, { n: MIN_LENGTH })}
                    <span class="sr-only">{rule.met ? t('claim.ruleMet') : t('claim.ruleOpen')}</span>
                  </li>
                ))}
              </ul>
            </div>
          </>
        )}
        {step === 'place' && (
          <>
            <Field label={t('claim.site')} hint={t('claim.siteHint')} error={wrong('site_name')}>
              {(attributes) => (
                <input
                  {...attributes}
                  class="input"
                  name="site_name"
                  autocomplete="organization"
                  maxLength={100}
                  placeholder={t('claim.sitePlaceholder')}
                  value={siteName}
                  onInput={(event) => setSiteName(event.currentTarget.value)}
                />
              )}
            </Field>
            <Field label={t('claim.timezone')} hint={t('claim.timezoneHint')} error={wrong('timezone')}>
              {(attributes) => (
                <select
                  {...attributes}
                  class="input"
                  name="timezone"
                  value={timezone}
                  onChange={(event) => setTimezone(event.currentTarget.value)}
                >
                  {zones(timezone).map((zone) => (
                    <option key={zone} value={zone}>
                      {zone.replaceAll('_', ' ')}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          </>
        )}
        {problem && (problem.field === null || FIELD_STEP[problem.field] !== step) && (
          <Notice tone="bad" live>
            {problem.text}
          </Notice>
        )}
        <div class="mt-1 flex gap-3">
          {at > 0 && (
            <button type="button" class="btn btn-quiet" disabled={busy} onClick={() => setStep(STEPS[at - 1]!)}>
              {t('common.back')}
            </button>
          )}
          <button type="submit" class="btn btn-primary flex-1" disabled={busy}>
            {busy && <Spinner />} {step === 'place' ? t('claim.finish') : t('common.next')}
          </button>
        </div>
      </form>
    </Door>
  );
}

const STRENGTH = ['', 'bg-bad', 'bg-warn', 'bg-ok', 'bg-ok'];

function zones(own: string): string[] {
  const all = Intl.supportedValuesOf?.('timeZone') ?? [];
  return [...new Set([own, ...all, 'UTC'])].toSorted();
}
