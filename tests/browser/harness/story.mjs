import { box, until } from './browser.mjs';

export const USER = 'inge';
export const PASSWORD = 'a heron stands in the reeds';

/** Speaks to the box from within the page, as the page itself does. Throws what the box refuses. */
export function call(page, method, path, body) {
  return page.evaluate(
    async ([verb, where, sent]) => {
      const token = /(?:^|; )heron_csrf=([^;]*)/.exec(document.cookie)?.[1];
      const response = await fetch(`/api/v1${where}`, {
        method: verb,
        headers: {
          ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(verb === 'GET' || !token ? {} : { 'X-CSRF-Token': decodeURIComponent(token) }),
        },
        body: sent === undefined ? undefined : JSON.stringify(sent),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${verb} ${where}: ${response.status} ${text}`);
      return text === '' ? null : JSON.parse(text);
    },
    [method, path, body],
  );
}

/** Goes through the door, whichever it is: a box that another test has claimed, or one that is still new. */
export async function enter(page) {
  const setup = await (await page.request.get('/api/v1/setup')).json();
  await page.goto(setup.claimed ? '/' : `/#claim=${encodeURIComponent(box.token)}`);
  await page.locator('[name=username]').fill(USER);
  await page.locator('[name=password]').fill(PASSWORD);
  if (setup.claimed) await page.getByRole('button', { name: 'Sign in' }).click();
  else {
    await page.getByRole('button', { name: 'Next' }).click();
    await page.locator('[name=site_name]').fill('Reed bank');
    await page.getByRole('button', { name: 'Finish' }).click();
  }
  await page.getByRole('navigation').first().waitFor();
}

/** Adds a camera of the simulator, and waits until so many seconds of it are on disk. Answers it. */
export async function addCamera(page, number, name, seconds) {
  const { host } = new URL(box.rtsp);
  const camera = await call(page, 'POST', '/cameras', {
    name,
    source: `rtsp://${host}/cam${number}/main`,
    sub_source: `rtsp://${host}/cam${number}/sub`,
    username: 'heron',
    password: 'heron',
    transport: 'auto',
    enabled: true,
    record: { mode: 'continuous', sub: true },
  });
  await recorded(page, camera.id, seconds);
  return camera;
}

/** The newest stretch of the main stream, once it is so many seconds long. */
export function recorded(page, id, seconds) {
  return until(
    `${seconds} s of recording`,
    async () => {
      const end = new Date();
      const start = new Date(end.getTime() - 3_600_000);
      const { spans } = await call(
        page,
        'GET',
        `/cameras/${id}/timeline?start=${start.toISOString()}&end=${end.toISOString()}&bin=60000`,
      );
      const last = spans.filter((one) => one.stream === 'main').at(-1);
      return last && Date.parse(last.end) - Date.parse(last.start) >= seconds * 1000 ? last : null;
    },
    { within: 60_000 + seconds * 1500, every: 500 },
  );
}
