import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { Redirect, Route, Switch } from 'wouter-preact';
import { ApiError } from './api/client.ts';
import { usePush } from './api/push.ts';
import { useT } from './i18n/use.ts';
import { LivePage } from './pages/live.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { useSession } from './state/session.ts';
import { useUi } from './state/ui.ts';
import { OfflineBanner, Shell } from './ui/shell.tsx';
import { Loading, Spinner } from './ui/parts.tsx';

const ClaimPage = lazy(() => import('./pages/claim.tsx'));
const CameraPage = lazy(() => import('./pages/camera.tsx'));
const CamerasPage = lazy(() => import('./pages/cameras.tsx'));
const EditCameraPage = lazy(() => import('./pages/edit-camera.tsx'));
const EventsPage = lazy(() => import('./pages/events.tsx'));
const StoragePage = lazy(() => import('./pages/storage.tsx'));
const ExportsPage = lazy(() => import('./pages/exports.tsx'));
const GapsPage = lazy(() => import('./pages/gaps.tsx'));
const PlanPage = lazy(() => import('./pages/plan.tsx'));
const NotFoundPage = lazy(() => import('./pages/not-found.tsx'));

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      // A refusal stays one; silence is worth a second try.
      retry: (failures, error) => !(error instanceof ApiError && error.status < 500) && failures < 2,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Gate />
    </QueryClientProvider>
  );
}

/** Which of the three doors: a new box is claimed, a stranger signs in, everyone else goes through. */
function Gate() {
  const phase = useSession((state) => state.phase);
  const start = useSession((state) => state.start);
  const t = useT();

  useEffect(() => {
    if (phase === 'signed-out') queries.clear();
    if (phase !== 'no-answer') return;
    const timer = setInterval(() => void start(), 2000);
    return () => clearInterval(timer);
  }, [phase, start]);

  if (phase === 'starting') return null;
  if (phase === 'no-answer')
    return (
      <main class="grid flex-1 place-items-center p-6">
        <p role="status" class="flex items-center gap-3 text-muted">
          <Spinner /> {t('offline.waiting')}
        </p>
      </main>
    );
  return (
    <Suspense fallback={<Loading />}>
      {phase === 'unclaimed' ? <ClaimPage /> : phase === 'signed-out' ? <SignInPage /> : <House />}
      {phase !== 'signed-in' && <OfflineBanner />}
    </Suspense>
  );
}

function House() {
  const online = useUi((state) => state.online);
  usePush();

  useEffect(() => {
    if (online) void queries.invalidateQueries();
  }, [online]);

  return (
    <Shell>
      <Suspense fallback={<Loading />}>
        <Switch>
          <Route path="/" component={LivePage} />
          <Route path="/cameras" component={CamerasPage} />
          <Route path="/cameras/new">
            <EditCameraPage id={null} />
          </Route>
          <Route path="/cameras/:id/edit">{(params) => <EditCameraPage key={params.id} id={params.id} />}</Route>
          <Route path="/cameras/:id/plan">{(params) => <PlanPage key={params.id} id={params.id} />}</Route>
          <Route path="/cameras/:id/history">{(params) => <GapsPage key={params.id} id={params.id} />}</Route>
          <Route path="/cameras/:id">{(params) => <CameraPage key={params.id} id={params.id} />}</Route>
          <Route path="/events" component={EventsPage} />
          <Route path="/storage" component={StoragePage} />
          <Route path="/exports" component={ExportsPage} />
          <Route path="/live">
            <Redirect to="/" replace />
          </Route>
          <Route component={NotFoundPage} />
        </Switch>
      </Suspense>
    </Shell>
  );
}
