import { useEffect, useState } from 'react';
import { ApiError, Unreachable } from '../api/client.ts';
import { useFormat, useT } from '../i18n/use.ts';
import { useSession } from '../state/session.ts';
import { Door } from '../ui/door.tsx';
import { Field, Notice, PasswordInput, Spinner } from '../ui/parts.tsx';

export function SignInPage() {
  const t = useT();
  const format = useFormat();
  const signIn = useSession((state) => state.signIn);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [otp, setOtp] = useState('');
  const [otpWanted, setOtpWanted] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [lockedUntil, setLockedUntil] = useState(0);
  const left = useCountdown(lockedUntil);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(username.trim(), password, otpWanted ? otp.trim() : undefined);
    } catch (refused) {
      if (refused instanceof ApiError && refused.status === 429)
        setLockedUntil(Date.now() + (refused.retryAfter ?? 60) * 1000);
      else if (refused instanceof ApiError && refused.slug === 'otp-required') setOtpWanted(true);
      else if (refused instanceof ApiError && refused.status === 401)
        setError(t(otpWanted ? 'signIn.wrongOtp' : 'signIn.wrong'));
      else if (refused instanceof Unreachable) setError(t('offline.waiting'));
      else setError(refused instanceof Error ? refused.message : String(refused));
      setBusy(false);
    }
  };

  return (
    <Door title={t('signIn.title')}>
      <form class="flex flex-col gap-4" onSubmit={(event) => void submit(event)}>
        <Field label={t('signIn.username')}>
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
              value={username}
              onInput={(event) => setUsername(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label={t('signIn.password')}>
          {(attributes) => (
            <PasswordInput
              {...attributes}
              name="password"
              autocomplete="current-password"
              required
              value={password}
              onValue={setPassword}
            />
          )}
        </Field>
        {otpWanted && (
          <Field label={t('signIn.otp')} hint={t('signIn.otpHint')}>
            {(attributes) => (
              <input
                {...attributes}
                class="input tnum"
                name="otp"
                inputMode="numeric"
                autocomplete="one-time-code"
                required
                value={otp}
                onInput={(event) => setOtp(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        {left > 0 ? (
          <Notice tone="warning" live title={t('signIn.locked')}>
            <p>
              {t('signIn.lockedWait')} <span class="tnum">{format.duration(left * 1000)}</span>
            </p>
          </Notice>
        ) : (
          error && (
            <Notice tone="bad" live>
              {error}
            </Notice>
          )
        )}
        <button type="submit" class="btn btn-primary" disabled={busy || left > 0}>
          {busy && left === 0 && <Spinner />} {t('signIn.submit')}
        </button>
      </form>
    </Door>
  );
}

/** Seconds left until an instant, counted down. */
function useCountdown(until: number): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const count = (): void => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    count();
    const timer = setInterval(count, 500);
    return () => clearInterval(timer);
  }, [until]);
  return left;
}
