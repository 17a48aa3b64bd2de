import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

/** What the caller must say; the tests are skipped, loudly, without it. */
export const box = {
  url: process.env.HERON_URL ?? '',
  token: process.env.HERON_CLAIM_TOKEN ?? '',
  rtsp: process.env.HERON_SIM_RTSP ?? '',
};

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why the tests cannot run here, or false. */
export const missing =
  box.url && box.token && box.rtsp
    ? !existsSync(CHROMIUM) && `there is no ${CHROMIUM}`
    : 'HERON_URL, HERON_CLAIM_TOKEN and HERON_SIM_RTSP are not set';

/** A browser with nothing remembered, that asks nothing of the network by itself. */
export function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

/** A window on the box. Errors of the page itself are kept in `page.troubles`. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({
    baseURL: box.url,
    viewport: DESK,
    locale: 'en-GB',
    timezoneId: 'America/Sao_Paulo',
    colorScheme: 'dark',
    ignoreHTTPSErrors: true,
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.troubles = [];
  page.on('pageerror', (error) => page.troubles.push(`${error.name}: ${error.message}`));
  page.on('console', (message) => {
    // What the browser logs by itself when the box refuses (401 before signing in) or the network is cut is expected.
    const expected = /Failed to load resource|ERR_INTERNET_DISCONNECTED/;
    if (message.type() === 'error' && !expected.test(message.text())) page.troubles.push(message.text());
  });
  return page;
}

/** Leaves a picture for eyes. */
export async function picture(page, name) {
  await mkdir(RESULTS, { recursive: true });
  await page.screenshot({ path: `${RESULTS}${name}.png` });
}

/**
 * Asks until the answer is true, or fails with what it last was or threw. No fixed waits: a slow machine takes longer.
 */
export async function until(what, ask, { within = 20_000, every = 150 } = {}) {
  const end = Date.now() + within;
  for (;;) {
    let last;
    try {
      last = await ask();
    } catch (error) {
      last = null;
      if (Date.now() > end)
        throw new Error(`${what}: not within ${within / 1000} s`, {
          cause: error,
        });
    }
    if (last) return last;
    if (Date.now() > end) throw new Error(`${what}: not within ${within / 1000} s`);
    await new Promise((wake) => setTimeout(wake, every));
  }
}
