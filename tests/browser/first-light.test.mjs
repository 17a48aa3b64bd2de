import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { box, DESK, launch, missing, open, PHONE, picture, until } from './harness/browser.mjs';
import { manners } from './harness/manners.mjs';
import { readFrame, recordedFrame } from './harness/time-code.mjs';

const USER = 'inge';
const PASSWORD = 'a heron stands in the reeds';
const CAMERA = 'Yard';

/** The pages that are looked at in every size. */
const PAGES = [
  ['live', '/'],
  ['cameras', '/cameras'],
  ['add', '/cameras/new'],
  ['events', '/events'],
  ['storage', '/storage'],
  ['nowhere', '/nowhere'],
];

// One story, told in order: what a test leaves behind is where the next begins.
describe('first light', { skip: missing }, () => {
  let browser;
  let page;
  /** Address of the camera's page. */
  let room;
  /** A second that was recorded, ms since 1970. */
  let second;

  before(async () => {
    browser = await launch();
    page = await open(browser);
  });

  after(async () => {
    await browser?.close();
  });

  const api = (path) =>
    page.evaluate(async (where) => {
      const response = await fetch(`/api/v1${where}`);
      return response.ok ? response.json() : null;
    }, path);

  /** Types into a field that may have been filled before. */
  const fill = (name, value) => page.locator(`[name="${name}"]`).fill(value);

  /** Looks at the page as it is, on a phone and on a desk. */
  const inBothSizes = async (name) => {
    for (const [size, viewport] of Object.entries({ phone: PHONE, desk: DESK })) {
      await page.setViewportSize(viewport);
      assert.deepEqual(await page.evaluate(manners), [], `${name} on a ${size}`);
      await picture(page, `${name}-${size}-dark`);
    }
  };

  test('a person with the label claims the box', async () => {
    await page.goto(`/#claim=${encodeURIComponent(box.token)}`);
    await page.getByRole('heading', { level: 1, name: 'Make this box yours' }).waitFor();
    assert.equal(new URL(page.url()).hash, '', 'the token is taken out of the address at once');
    await inBothSizes('claim');

    await fill('username', USER);
    await fill('password', 'short');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('does not meet the rules').waitFor();
    await fill('password', PASSWORD);
    await page.getByRole('button', { name: 'Next' }).click();
    await fill('site_name', 'Reed bank');
    assert.equal(await page.locator('[name=timezone]').inputValue(), 'America/Sao_Paulo');
    await page.getByRole('button', { name: 'Finish' }).click();
    await page.getByRole('heading', { name: 'No cameras yet' }).waitFor();
  });

  test('an address where nothing listens is explained in plain words', async () => {
    await page.getByRole('link', { name: 'Add camera' }).first().click();
    await fill('source', 'rtsp://127.0.0.1:9/nothing');
    await page.getByRole('button', { name: 'Test' }).click();
    await page.getByText('The camera refuses the connection.').waitFor();
    await page.getByText('Check the port').waitFor();
  });

  test('a real address is tested with a picture, and added', async () => {
    const { host } = new URL(box.rtsp);
    // As people paste it: with the password inside.
    await fill('source', `rtsp://heron:heron@${host}/cam1/main`);
    await fill('sub_source', `rtsp://${host}/cam1/sub`);
    assert.equal(await page.locator('[name=source]').inputValue(), `rtsp://${host}/cam1/main`);
    assert.equal(await page.locator('[name=camera-username]').inputValue(), 'heron');
    await page.getByRole('button', { name: 'Test' }).click();
    await page.getByText('The camera answered in').waitFor();
    await page.getByText('H.264').first().waitFor();
    const shown = page.getByLabel('Picture from the camera');
    await until('the picture of the test', () => shown.evaluate((it) => (it.videoWidth ?? it.naturalWidth) >= 640));
    await picture(page, 'add-tested-desk-dark');

    await fill('name', CAMERA);
    await page.getByRole('button', { name: 'Add camera' }).click();
    await page.getByRole('heading', { level: 1, name: CAMERA }).waitFor();
    room = new URL(page.url()).pathname;
    assert.match(room, /^\/cameras\/[0-9a-f-]{36}$/);
  });

  test('the live picture moves, and is of now', async () => {
    const frame = await until('a live frame', () => readFrame(page), {
      within: 30_000,
    });
    assert.ok(Math.abs(frame.now - frame.code) < 3000, `the frame is ${frame.now - frame.code} ms old`);
    const later = await until('the next frames', async () => {
      const next = await readFrame(page);
      return next && next.code > frame.code + 1000 ? next : null;
    });
    assert.ok(Math.abs(later.now - later.code) < 3000, `the frame is ${later.now - later.code} ms old`);
    await picture(page, 'camera-live-desk-dark');
  });

  test('so does its tile in the grid, within a moment of opening the page', async () => {
    await page.goto('/');
    const tile = page.getByRole('listitem').getByRole('link', { name: CAMERA });
    await tile.waitFor();
    const frame = await until('a frame in the grid', () => readFrame(page));
    assert.ok(Math.abs(frame.now - frame.code) < 3000, `the frame is ${frame.now - frame.code} ms old`);
    for (const n of [4, 9, 16, 1]) {
      await page.getByRole('button', { name: `Show ${n} at once`, exact: true }).click();
      await until(`a frame with ${n} at once`, () => readFrame(page));
    }
    await page.getByRole('button', { name: 'Show 4 at once', exact: true }).click();
    await tile.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: CAMERA }).waitFor();
  });

  test('a known second of the recording is found by its time', async () => {
    const id = room.split('/').at(-1);
    // Twenty seconds on disk, so that there is a second to go to that is not the newest.
    const span = await until(
      'twenty seconds of recording',
      async () => {
        const start = new Date(Date.now() - 3_600_000).toISOString();
        const timeline = await api(`/cameras/${id}/timeline?start=${start}&end=${new Date().toISOString()}&bin=60000`);
        const found = timeline?.spans.filter((one) => one.stream === 'main').at(-1);
        return found && Date.parse(found.end) - Date.parse(found.start) > 20_000 ? found : null;
      },
      { within: 60_000, every: 500 },
    );
    second = Math.ceil((Date.parse(span.start) + 5000) / 1000) * 1000;
    const place = new Intl.DateTimeFormat('en-GB', {
      timeZone: 'America/Sao_Paulo',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    const field = page.locator('[name=time]');
    await field.fill(place.format(second));
    await field.press('Enter');
    await until('the second that was asked for', () => recordedFrame(page, second));

    // It plays on, and the clock stays the picture's.
    const later = await until('three seconds more', async () => {
      const seen = await readFrame(page, 'video[data-recorded]');
      return seen && seen.code > second + 3000 ? seen : null;
    });
    assert.ok(Math.abs(later.clock - later.code) < 300, `the page says ${later.clock - later.code} ms off the picture`);
    await picture(page, 'camera-recorded-desk-dark');
  });

  test('frames are stepped one by one, forward and back', async () => {
    await page.getByRole('button', { name: 'Pause' }).click();
    const settled = async () => {
      let before = -1;
      return until('a picture that stands', async () => {
        const seen = await readFrame(page, 'video[data-recorded]');
        const stands = seen && seen.code === before;
        before = seen?.code ?? -1;
        return stands ? seen : null;
      });
    };
    const first = await settled();
    await page.keyboard.press('.');
    const next = await until('the next frame', async () => {
      const seen = await readFrame(page, 'video[data-recorded]');
      return seen && seen.code !== first.code ? seen : null;
    });
    // 15 frames a second: 67 ms, and the sender's clock may slip by a few.
    assert.ok(next.code > first.code && next.code - first.code < 140, `a step of ${next.code - first.code} ms`);
    await page.keyboard.press(',');
    const back = await until('the frame before', async () => {
      const seen = await readFrame(page, 'video[data-recorded]');
      return seen && seen.code < next.code ? seen : null;
    });
    // On a busy machine the camera's frames are not evenly spaced: the one before the next need not be the first.
    assert.ok(next.code - back.code < 140, `a step back of ${next.code - back.code} ms`);
    const still = await settled();
    assert.ok(Math.abs(still.clock - still.code) < 300, `the page says ${still.clock - still.code} ms off the picture`);
  });

  test('the timeline is dragged, and the picture follows', async () => {
    const slider = page.getByRole('slider', { name: 'Timeline' });
    const says = async () => Number(await slider.getAttribute('aria-valuenow'));
    const target = second + 4000;
    // A view of under two minutes: ten pixels a second and more.
    for (let i = 0; i < 6; i++) await page.getByRole('button', { name: 'Zoom in' }).click();
    const area = await slider.boundingBox();
    const y = area.y + area.height * 0.5;
    // Where the hand is put down, and where it is moved to, say how far a second is.
    const [x1, x2] = [area.x + area.width * 0.93, area.x + area.width * 0.88];
    const before = await says();
    await page.mouse.move(x1, y);
    await page.mouse.down();
    // Moved from where it was, by more than the frame that it settles on, and come to rest.
    const movedFrom = (from) => {
      let last = from;
      return until('the playhead under the hand', async () => {
        const now = await says();
        const rests = now === last && Math.abs(now - from) > 500;
        last = now;
        return rests && now;
      });
    };
    const t1 = await movedFrom(before);
    await page.mouse.move(x2, y);
    const t2 = await movedFrom(t1);
    const x = x1 + ((target - t1) / (t2 - t1)) * (x2 - x1);
    assert.ok(x > area.x && x < area.x + area.width, 'the moment is in view');
    await page.mouse.move(x, y, { steps: 5 });
    await page.mouse.up();
    await until('the picture of that moment', () => recordedFrame(page, target));
  });

  test('it goes live again, and keys work', async () => {
    await page.keyboard.press('Home');
    await until('a live frame', async () => {
      const seen = await readFrame(page);
      return seen && Math.abs(seen.now - seen.code) < 3000;
    });
    const before = Date.now();
    await page.locator('body').press('ArrowLeft');
    const frame = await until('ten seconds ago', async () => {
      const seen = await readFrame(page, 'video[data-recorded]');
      return seen && seen.code < before - 5000 ? seen : null;
    });
    assert.ok(frame.code > before - 15_000, `${before - frame.code} ms ago`);
    await page.getByRole('button', { name: 'Go live' }).click();
    await page.getByText('Live', { exact: true }).first().waitFor();
  });

  test('what was not recorded is shown, told why, and jumped', async () => {
    const id = room.split('/').at(-1);
    await page.goto('/cameras');
    const power = page.getByRole('button', { name: `${CAMERA} switched on` });
    await power.click();
    await page.getByText('Off', { exact: true }).first().waitFor();
    await page.locator('button[aria-pressed=false]').first().waitFor();
    const off = Date.now();
    await until('three seconds without a camera', () => Date.now() - off > 3000);
    await power.click();
    await page.getByText('Online', { exact: true }).first().waitFor();
    const gap = await until(
      'the gap in the ledger, and six seconds after it',
      async () => {
        const start = new Date(Date.now() - 3_600_000).toISOString();
        const timeline = await api(`/cameras/${id}/timeline?start=${start}&end=${new Date().toISOString()}&bin=60000`);
        const found = timeline?.gaps.filter((one) => one.stream === 'main' && one.reason === 'disabled').at(-1);
        const after = found && timeline.spans.find((one) => one.stream === 'main' && one.start >= found.end);
        return after && Date.parse(after.end) - Date.parse(after.start) > 6000 ? found : null;
      },
      { within: 40_000, every: 500 },
    );
    const before = new Date(Date.parse(gap.start) - 3000).toISOString();
    await page.goto(`${room}?t=${encodeURIComponent(before)}`);
    await until('the moment before', () => recordedFrame(page, Date.parse(before)));
    await page.getByText('gap on this day').waitFor();
    await page.getByText(/^Not recorded from .* switched off\. Skipped\.$/).waitFor();
    await until('the moment after', () => recordedFrame(page, Date.parse(gap.end)));
    await picture(page, 'camera-gap-desk-dark');
  });

  test('a stretch is downloaded as a file that says its size', async () => {
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    const link = page.getByRole('link', { name: 'Download at once as MP4' });
    await link.waitFor();
    const href = await link.getAttribute('href');
    const answer = await page.request.get(href, {
      headers: { Range: 'bytes=0-99' },
    });
    assert.equal(answer.status(), 206);
    assert.match(answer.headers()['content-type'], /^video\/mp4/);
    assert.equal((await answer.body()).subarray(4, 8).toString(), 'ftyp');
    await page.keyboard.press('Escape');
    await link.waitFor({ state: 'detached' });
  });

  test('storage says what it holds', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Storage' }).first().click();
    await page.getByRole('heading', { level: 1, name: 'Storage' }).waitFor();
    const held = await until('bytes on disk', async () => {
      const storage = await api('/storage');
      return storage?.volumes.reduce((sum, volume) => sum + volume.recordings_bytes, 0) || null;
    });
    assert.ok(held > 100_000, `${held} bytes`);
    await until('the page to say so', () =>
      page
        .locator('dl')
        .first()
        .evaluate((list) => /Recorded\s*[\d.,]+ [kMGT]B/.test(list.textContent)),
    );
    await page
      .getByRole('rowheader', { name: new RegExp(CAMERA) })
      .first()
      .waitFor();
  });

  test('what happened is listed', async () => {
    await page.goto('/events');
    await page.getByRole('listitem').first().waitFor();
  });

  test('every page has its manners, on a phone and on a desk', async () => {
    for (const [size, viewport] of Object.entries({
      phone: PHONE,
      desk: DESK,
    })) {
      await page.setViewportSize(viewport);
      for (const [name, path] of [...PAGES, ['camera', room]]) {
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' });
        await page.waitForLoadState('load');
        if (name === 'live' || name === 'camera') await until(`a frame on ${name}`, () => readFrame(page));
        const faults = await until(`${name} to be drawn`, () => page.evaluate(manners));
        assert.deepEqual(faults, [], `${name} on a ${size}`);
        await picture(page, `${name}-${size}-dark`);
      }
    }
  });

  test('dark and light, by the system and by the person', async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await page.goto('/');
    const dark = await background();
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await background();
    assert.notEqual(dark, light);
    await until('a frame', () => readFrame(page));
    await picture(page, 'live-desk-light');
    await page.setViewportSize(PHONE);
    await until('a frame', () => readFrame(page));
    await picture(page, 'live-phone-light');
    await page.setViewportSize(DESK);
    await page.getByRole('button', { name: /Your settings/ }).click();
    await page.getByText('Dark', { exact: true }).click();
    assert.equal(await background(), dark);
    await page.reload();
    await page.getByRole('navigation').first().waitFor();
    assert.equal(await background(), dark, 'the choice is remembered');
    await page.emulateMedia({ colorScheme: 'dark' });
  });

  test('three languages, each with its own words', async () => {
    for (const [code, word] of [
      ['pt-BR', 'Ao vivo'],
      ['es', 'En vivo'],
      ['en', 'Live'],
    ]) {
      await page.locator('button[aria-expanded]').first().click();
      await page.locator('select[name=language]').selectOption(code);
      await page.getByRole('link', { name: word, exact: true }).first().waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), code);
      await page.keyboard.press('Escape');
    }
  });

  test('the page notices when the box is away, and when it is back', async () => {
    await page.context().setOffline(true);
    await page.getByText('The box does not answer').waitFor({ timeout: 30_000 });
    await page.context().setOffline(false);
    await page.getByText('The box does not answer').waitFor({ state: 'detached', timeout: 30_000 });
    await until('a live frame again', async () => {
      const seen = await readFrame(page);
      return seen && Math.abs(seen.now - seen.code) < 3000;
    });
  });

  test('signing out and in again leads back to the same place', async () => {
    await page.goto('/storage');
    await page.locator('button[aria-expanded]').first().click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await inBothSizes('sign-in');

    await fill('username', USER);
    await fill('password', 'not the password at all');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('User name or password is wrong').waitFor();
    await fill('password', PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Storage' }).waitFor();
  });

  test('deleting a camera asks first and says that recordings stay', async () => {
    await page.goto('/cameras');
    await page.getByRole('button', { name: `Delete ${CAMERA}` }).click();
    await page.getByText('stays on the disks').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('link', { name: CAMERA, exact: true }).waitFor();
    await page.getByRole('button', { name: `Delete ${CAMERA}` }).click();
    await page.getByRole('button', { name: 'Delete camera' }).click();
    await page.getByRole('heading', { name: 'No cameras yet' }).waitFor();
  });

  test('nothing went wrong behind the scenes', () => {
    assert.deepEqual(page.troubles, []);
  });
});
