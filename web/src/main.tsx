import { render } from 'preact';
import { App } from './app.tsx';
import { onTransport } from './api/client.ts';
import { takeClaimToken } from './lib/claim-token.ts';
import { useSession } from './state/session.ts';
import { useUi } from './state/ui.ts';
import './styles.css';

onTransport({
  signedOut: () => useSession.getState().expire(),
  reachable: (answered) => useUi.getState().setOnline(answered),
});

takeClaimToken();

// The words and the answer to "who am I" travel together; the page is drawn when the words are there.
void useSession.getState().start();
const ui = useUi.getState();
void ui
  .setLanguage(ui.language)
  .catch(() => ui.setLanguage('en'))
  .then(() => render(<App />, document.getElementById('app')!));
