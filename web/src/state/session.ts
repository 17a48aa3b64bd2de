import { create } from 'zustand';
import { change, get, ApiError, Unreachable, login } from '../api/client.ts';
import type { ClaimRequest, Session, Setup, User } from '../api/types.ts';

type Phase =
  /** Not known yet. */
  | 'starting'
  /** The box belongs to nobody: first boot. */
  | 'unclaimed'
  | 'signed-out'
  | 'signed-in'
  /** The box did not answer the first question; asking again. */
  | 'no-answer';

interface SessionState {
  phase: Phase;
  user: User | null;
  boxName: string;
  version: string;
  start: () => Promise<void>;
  claim: (request: ClaimRequest) => Promise<void>;
  signIn: (username: string, password: string, otp?: string) => Promise<void>;
  signOut: () => Promise<void>;
  /** The session ended by itself: back to sign-in; the address stays, so the person returns to where they were. */
  expire: () => void;
  /** Whether the user may do it. A box that does not list rights is believed to allow it, and refuses by itself. */
  may: (right: string) => boolean;
}

export const useSession = create<SessionState>((set, state) => ({
  phase: 'starting',
  user: null,
  boxName: 'Heron',
  version: '',

  async start() {
    // Both questions at once: the second is nearly always the one that counts.
    const [setup, me] = await Promise.allSettled([get<Setup>('/setup'), get<User>('/auth/me')]);
    if (setup.status === 'fulfilled') set({ boxName: setup.value.name, version: setup.value.version });
    if (setup.status === 'fulfilled' && !setup.value.claimed) set({ phase: 'unclaimed', user: null });
    else if (me.status === 'fulfilled') set({ phase: 'signed-in', user: me.value });
    else if (me.reason instanceof Unreachable || (me.reason instanceof ApiError && me.reason.status >= 500))
      set({ phase: 'no-answer' });
    else set({ phase: 'signed-out', user: null });
  },

  async claim(request) {
    await change<Session>('POST', '/setup', request);
    set({ phase: 'signed-in', user: await get<User>('/auth/me') });
  },

  async signIn(username, password, otp) {
    const session = await login(username, password, otp);
    const user = await get<User>('/auth/me').catch(() => session.user);
    set({ phase: 'signed-in', user });
  },

  async signOut() {
    try {
      await change('POST', '/auth/logout', {});
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    set({ phase: 'signed-out', user: null });
  },

  expire() {
    if (state().phase === 'signed-in' || state().phase === 'starting') set({ phase: 'signed-out', user: null });
  },

  may(right) {
    const rights = state().user?.rights;
    return rights === undefined || rights.includes(right);
  },
}));
