import { noteBoxTime } from '../lib/box-time.ts';
import type { Problem, Session } from './types.ts';

export const BASE = '/api/v1';

/** A refusal by the box, in its own words. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;
  /** Seconds to wait before trying again, from Retry-After. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, retryAfter: number | null) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
    this.status = problem.status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** The last word of the problem's type: `invalid`, `locked-out`, … */
  get slug(): string {
    return this.problem.type.split('/').pop() ?? '';
  }
}

/** The box did not answer at all. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the box does not answer', { cause });
    this.name = 'Unreachable';
  }
}

interface Listeners {
  /** The session is over and could not be renewed. */
  signedOut: () => void;
  /** The box answered (true) or could not be reached (false). */
  reachable: (answered: boolean) => void;
}

const listeners: Listeners = { signedOut: () => undefined, reachable: () => undefined };

/** Who is told of the two things that concern the whole page. */
export function onTransport(told: Partial<Listeners>): void {
  Object.assign(listeners, told);
}

function cookie(name: string): string | null {
  for (const part of document.cookie.split('; ')) {
    const cut = part.indexOf('=');
    if (part.slice(0, cut) === name) return decodeURIComponent(part.slice(cut + 1));
  }
  return null;
}

async function send(method: string, path: string, body: unknown, signal?: AbortSignal | null): Promise<Response> {
  const headers = new Headers({ Accept: 'application/json' });
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const token = method === 'GET' ? null : cookie('heron_csrf');
  if (token) headers.set('X-CSRF-Token', token);
  try {
    const response = await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: signal ?? null,
    });
    listeners.reachable(true);
    noteBoxTime(response.headers.get('Date'));
    return response;
  } catch (error) {
    if (signal?.aborted) throw error;
    listeners.reachable(false);
    throw new Unreachable(error);
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const seconds = Number(response.headers.get('Retry-After'));
  let problem: Problem = { type: 'about:blank', title: response.statusText || 'error', status: response.status };
  try {
    problem = { ...problem, ...((await response.json()) as Problem), status: response.status };
  } catch {
    // Not a problem document (a proxy's page, say): the status has to do.
  }
  return new ApiError(problem, Number.isFinite(seconds) && seconds > 0 ? seconds : null);
}

let renewal: Promise<boolean> | null = null;

/** Asks for a new access token, once for all who want one at the same time. */
export function renew(): Promise<boolean> {
  renewal ??= send('POST', '/auth/refresh', {})
    .then((response) => response.ok)
    .catch((error: unknown) => {
      // No answer is no refusal: whoever asked will see the box is away.
      if (error instanceof Unreachable) throw error;
      return false;
    })
    .finally(() => {
      renewal = null;
    });
  return renewal;
}

/** Paths where 401 is the answer itself and not the end of a session. */
const OPEN = new Set(['/auth/login', '/auth/refresh', '/setup']);

async function call(method: string, path: string, body?: unknown, signal?: AbortSignal | null): Promise<Response> {
  let response = await send(method, path, body, signal);
  if (response.status === 401 && !OPEN.has(path)) {
    if (await renew()) response = await send(method, path, body, signal);
    if (response.status === 401) listeners.signedOut();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** GET, and the JSON that came. */
export async function get<T>(path: string, signal?: AbortSignal | null): Promise<T> {
  return (await (await call('GET', path, undefined, signal)).json()) as T;
}

/** Sends JSON; answers the JSON that came, or undefined for 204. */
export async function change<T>(
  method: 'POST' | 'PATCH' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal | null,
): Promise<T> {
  const response = await call(method, path, body, signal);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** GET of text or bytes under the API, with the session renewed when it has run out. */
export async function fetchMedia(url: string, init: { range?: string; signal?: AbortSignal } = {}): Promise<Response> {
  const once = async (): Promise<Response> => {
    try {
      return await fetch(url, {
        headers: init.range ? { Range: init.range } : {},
        credentials: 'same-origin',
        signal: init.signal ?? null,
      });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      listeners.reachable(false);
      throw new Unreachable(error);
    }
  };
  let response = await once();
  if (response.status === 401) {
    if (await renew()) response = await once();
    if (response.status === 401) listeners.signedOut();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export const login = (username: string, password: string, otp?: string): Promise<Session> =>
  change<Session>('POST', '/auth/login', otp ? { username, password, otp } : { username, password });

/** A query string of what is defined. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') params.set(key, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
