import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { DESK, launch, missing, open, PHONE, picture, until } from './harness/browser.mjs';
import { manners } from './harness/manners.mjs';
import { addCamera, call, enter, recorded } from './harness/story.mjs';

const CAMERA = 'Front gate';

// What the recorder promises, as people see it: how long, what is missing, what is kept, what can be proven and taken
// away. One story, told in order.
describe('the recorder', { skip: missing }, () => {
  let browser;
  let page;
  /** The camera's id, and the address of its page. */
  let id;
  let room;
  /** What the box answers to. */
  let routes;
  /** The first stretch that was recorded, ms since 1970. */
  let first;

  before(async () => {
    browser = await launch();
    page = await open(browser, { acceptDownloads: true });
    await enter(page);
    routes = new Set(Object.keys((await call(page, 'GET', '/openapi.json')).paths));
    ({ id } = await addCamera(page, 2, CAMERA, 20));
    room = `/cameras/${id}`;
    const span = await recorded(page, id, 20);
    first = { start: Date.parse(span.start), end: Date.parse(span.end) };
  });

  after(async () => {
    await browser?.close();
  });

  /** A box that is built without a part of the recorder has nothing to show of it: said, and passed over. */
  const lacks = (t, route) => {
    const missed = !routes.has(`/api/v1${route}`);
    if (missed) t.skip(`this box has no ${route}`);
    return missed;
  };

  /** Looks at the page as it is, on a phone and on a desk, in the dark and in the light. */
  const inAllSizes = async (name) => {
    for (const [size, viewport] of Object.entries({ phone: PHONE, desk: DESK })) {
      await page.setViewportSize(viewport);
      for (const scheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: scheme });
        assert.deepEqual(await page.evaluate(manners), [], `${name} on a ${size}, ${scheme}`);
        await picture(page, `${name}-${size}-${scheme}`);
      }
    }
  };

  /** Opens the camera's page at a moment of the recording, standing still. */
  const openAt = async (wall) => {
    await page.goto(`${room}?t=${encodeURIComponent(new Date(wall).toISOString())}`);
    await page.getByRole('button', { name: 'Pause' }).click();
    const slider = page.getByRole('slider', { name: 'Timeline of the day' });
    await until('the moment', async () => Math.abs(Number(await slider.getAttribute('aria-valuenow')) - wall) < 8000);
  };

  const clock = (wall) =>
    new Intl.DateTimeFormat('en-GB', {
      timeZone: 'America/Sao_Paulo',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    }).format(wall);

  /** Chooses a range by typing its ends. */
  const choose = async (start, end) => {
    await page.getByRole('button', { name: 'Choose a range' }).click();
    await page.locator('[name=range-end]').fill(clock(end));
    await page.locator('[name=range-start]').fill(clock(start));
    await page.locator('[name=range-end]').fill(clock(end));
    await page.locator('[name=range-end]').press('Tab');
  };

  test('the planner shows what would be, before it is so', async (t) => {
    if (lacks(t, '/storage/plan')) return;
    await page.goto('/storage');
    const field = page.locator('[name="retention.max_days"]');
    await field.waitFor();
    await page.getByRole('region', { name: 'Now' }).waitFor();
    await inAllSizes('storage');

    // The box's own answer, with footage that a box of a minute's age does not have.
    await page.route('**/api/v1/storage/plan', async (route) => {
      const answer = await route.fetch();
      const plan = await answer.json();
      if (Object.keys(route.request().postDataJSON().values).length > 0) {
        plan.then.deletes_bytes = 1_200_000_000_000;
        plan.then.deletes_before = '2026-01-02T03:04:05.000Z';
      }
      await route.fulfill({ response: answer, json: plan });
    });
    await field.fill('3');
    await field.press('Tab');
    const red = page.locator('[data-deletes]');
    await red.waitFor();
    assert.match(await red.textContent(), /^1\.2 TB would be deleted at once: everything from before/);
    await page.getByRole('button', { name: 'Apply and delete 1.2 TB' }).waitFor();
    const before = await call(page, 'GET', '/settings/system');
    assert.equal(before.values['retention.max_days'], undefined, 'nothing is changed by looking');
    await inAllSizes('storage-planner');
    await page.unroute('**/api/v1/storage/plan');

    // And as the box says it by itself: nothing here is older than four days.
    await field.fill('4');
    await field.press('Tab');
    await page.getByText('Nothing is deleted when you apply this.').waitFor();
    const { then } = await call(page, 'POST', '/storage/plan', {
      scope: 'system',
      values: { 'retention.max_days': 4 },
    });
    // A small disk is full before four days are over.
    const expected = then.limited_by === 'age' ? '4 days' : then.limited_by === 'room' ? 'room' : 'not known yet';
    await until('Then to say so', async () =>
      (await page.getByRole('region', { name: 'Then' }).textContent()).includes(expected),
    );
    await page.getByRole('button', { name: 'Apply', exact: true }).click();
    await page.getByText('Applied. It holds from now on.').waitFor();
    const afterwards = await call(page, 'GET', '/settings/system');
    assert.equal(afterwards.values['retention.max_days'], 4);
    await page.reload();
    await until('the value to be there again', async () => (await field.inputValue()) === '4');
  });

  test('a camera may have days of its own, or those of the house', async (t) => {
    if (lacks(t, '/storage/plan')) return;
    await page.locator('[name=scope]').selectOption(`camera:${id}`);
    await page.getByText('As for Place: Reed bank: 4 days').waitFor();
    await page.locator('[name=scope]').selectOption('system');
    const field = page.locator('[name="retention.max_days"]');
    await field.fill('0');
    await field.press('Tab');
    await page.getByRole('button', { name: 'Apply', exact: true }).click();
    await page.getByText('Applied.').waitFor();
  });

  test('a locked range stays locked, says why, and can be unlocked', async (t) => {
    if (lacks(t, '/cameras/{id}/locks')) return;
    await openAt(first.start + 8000);
    await choose(first.start + 4000, first.start + 12_000);
    await inAllSizes('camera-range');
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await page.locator('[name=lock-reason]').fill('Accident at the gate');
    await page.getByRole('dialog').getByRole('button', { name: 'Lock' }).click();
    await page.getByText(/^Locked: /).waitFor();

    await page.reload();
    const list = page.getByText('1 locked range on this day');
    await list.waitFor();
    await list.click();
    await page.getByText('Accident at the gate').waitFor();
    await page.getByText(/locked by inge/).waitFor();
    const { items } = await call(page, 'GET', `/cameras/${id}/locks`);
    assert.equal(items.length, 1);
    assert.ok(Math.abs(Date.parse(items[0].start) - (first.start + 4000)) < 2000, 'the range that was chosen');
    await inAllSizes('camera-locked');
    await page.getByRole('button', { name: /^Unlock / }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Unlock' }).click();
    await list.waitFor({ state: 'detached' });
  });

  test('the ends of a range are moved with the keyboard', async () => {
    await openAt(first.start + 8000);
    await choose(first.start + 4000, first.start + 12_000);
    const end = page.getByRole('slider', { name: 'End of the range' });
    const was = Number(await end.getAttribute('aria-valuenow'));
    await end.press('ArrowLeft');
    await end.press('ArrowLeft');
    assert.equal(Number(await end.getAttribute('aria-valuenow')), was - 2000);
    await page.getByRole('button', { name: 'Stop choosing' }).click();
    await end.waitFor({ state: 'detached' });
  });

  test('what is missing stands in the history, with the reason and the way there', async (t) => {
    if (lacks(t, '/cameras/{id}/gaps/days')) return;
    await call(page, 'PATCH', `/cameras/${id}`, { enabled: false });
    const off = Date.now();
    await until('four seconds without the camera', () => Date.now() - off > 4000);
    await call(page, 'PATCH', `/cameras/${id}`, { enabled: true });
    const gap = await until(
      'the gap in the ledger',
      async () => {
        const { items } = await call(
          page,
          'GET',
          `/cameras/${id}/gaps?start=${new Date(off - 5000).toISOString()}&end=${new Date().toISOString()}&stream=main`,
        );
        return items.find((one) => one.end !== null && one.seconds > 2);
      },
      { within: 40_000, every: 500 },
    );
    await page.goto(`${room}/history`);
    await page.getByRole('heading', { level: 1, name: `What was recorded of ${CAMERA}` }).waitFor();
    const row = page.getByRole('listitem').filter({ hasText: clock(Date.parse(gap.start)) });
    await row.first().waitFor();
    assert.match(await row.first().textContent(), /switched off/);
    const today = page.locator('button[aria-current=date]');
    await until('the day to count it', async () => /[1-9]\d* s missing/.test(await today.getAttribute('aria-label')));
    await inAllSizes('history');
    await row
      .first()
      .getByRole('link', { name: /^Watch the moment before/ })
      .click();
    await page.getByRole('heading', { level: 1, name: CAMERA }).waitFor();
    const asked = Date.parse(new URL(page.url()).searchParams.get('t'));
    assert.ok(asked < Date.parse(gap.start) && asked > Date.parse(gap.start) - 10_000, 'just before it');
  });

  test('a week is painted with the keyboard, and said in words', async (t) => {
    if (lacks(t, '/cameras/{id}/trigger')) return;
    await page.goto(`${room}/plan`);
    await page.getByRole('group', { name: 'Main stream' }).getByText('By the week', { exact: true }).click();
    await page.getByRole('button', { name: 'Empty week' }).click();
    const words = page.locator('[data-plan-words]');
    const grid = page.getByRole('grid', { name: 'The week' });
    await grid.focus();
    // It begins on Monday at 08:00. Four and a half hours more, and down to Wednesday.
    for (let i = 0; i < 9; i++) await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Enter');
    await until('the words', async () => /Mon–Wed 08:00–13:00: all the time/.test(await words.textContent()));
    await page.locator('[name=otherwise]').selectOption('event');
    await until('the rest', async () => /Otherwise: on events/.test(await words.textContent()));
    await inAllSizes('plan');
    await page.setViewportSize(DESK);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved. The plan holds from now on.').waitFor();
    const camera = await call(page, 'GET', `/cameras/${id}`);
    assert.equal(camera.record.mode, 'schedule');
    assert.deepEqual(camera.record.schedule.week, [
      { days: ['mon', 'tue', 'wed'], from: '08:00', to: '13:00', mode: 'continuous' },
    ]);
    assert.equal(camera.record.schedule.otherwise, 'event');
  });

  test('it is painted with the mouse too, and over midnight by typing', async (t) => {
    if (lacks(t, '/cameras/{id}/trigger')) return;
    await page.goto(`${room}/plan`);
    const words = page.locator('[data-plan-words]');
    const strips = page.locator('[data-strip]');
    await strips.first().waitFor();
    await strips.nth(6).scrollIntoViewIfNeeded();
    const sunday = await strips.nth(6).boundingBox();
    const y = sunday.y + sunday.height / 2;
    await page.mouse.move(sunday.x + sunday.width * (10.2 / 24), y);
    await page.mouse.down();
    await page.mouse.move(sunday.x + sunday.width * (11.7 / 24), y, { steps: 4 });
    await page.mouse.up();
    await until('Sunday', async () => /Sun 10:00–12:00: all the time/.test(await words.textContent()));
    await page.getByRole('group', { name: 'Paint with' }).getByText('When something moves').click();
    await page.getByText('Add a time').click();
    await page.getByText('It goes on into the next morning.').waitFor();
    await page.getByRole('button', { name: 'Paint it' }).click();
    await until('the nights', async () => /Mon–Fri 18:00–08:00: when something moves/.test(await words.textContent()));
  });

  test('a camera that waits for events is recorded at the press of a button', async (t) => {
    if (lacks(t, '/cameras/{id}/trigger')) return;
    await call(page, 'PATCH', `/cameras/${id}`, { record: { mode: 'event' } });
    await page.goto(room);
    await page.getByRole('button', { name: 'Record now' }).click();
    await page.getByText(/^Records until \d\d:\d\d:\d\d$/).waitFor();
    await page.getByText('Recording: somebody pressed Record now').waitFor();
    await inAllSizes('camera-record-now');
    await call(page, 'PATCH', `/cameras/${id}`, { record: { mode: 'continuous' } });
  });

  test('what the box can prove is said in words', async (t) => {
    if (lacks(t, '/cameras/{id}/evidence')) return;
    await openAt(first.start + 6000);
    await choose(first.start + 2000, first.start + 12_000);
    const prove = page.getByRole('button', { name: /^(Prove it|Check again)$/ }).last();
    await prove.click();
    const verdict = page.locator('[data-verdict]');
    await verdict.waitFor();
    // A file is signed when it is complete: within about a minute of its first frame.
    await until(
      'the file to be sealed',
      async () => {
        const said = await verdict.getAttribute('data-verdict');
        if (said === 'whole') return true;
        assert.equal(said, 'not_sealed_yet');
        await prove.click();
        return false;
      },
      { within: 100_000, every: 2000 },
    );
    await page.getByText('Genuine', { exact: true }).waitFor();
    assert.match(await verdict.textContent(), /is as the box recorded it: 1 file, signed\./);
    assert.match(await verdict.textContent(), /Signed with the key of this box/);
    await page.getByText('How somebody else can verify it').click();
    await page.getByText('herond verify').waitFor();
    await inAllSizes('evidence');
    const key = await page.request.get('/api/v1/system/evidence-key.pem');
    assert.match(await key.text(), /BEGIN PUBLIC KEY/);
  });

  test('a range is exported, with progress, to a film that plays', async (t) => {
    if (lacks(t, '/exports')) return;
    await openAt(first.start + 6000);
    await choose(first.start + 2000, first.start + 12_000);
    await page.getByRole('region', { name: 'Chosen range' }).getByRole('button', { name: 'Export' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/^1[01] s, about \d/).waitFor();
    await inAllSizes('export');
    await page.setViewportSize(DESK);
    await dialog.locator('[name=note]').fill('Case 2026-118');
    await dialog.getByRole('button', { name: 'Export', exact: true }).click();
    const link = dialog.getByRole('link', { name: /^Download / });
    await link.waitFor({ timeout: 60_000 });
    await inAllSizes('export-done');
    const waiting = page.waitForEvent('download');
    await link.click();
    const file = await (await waiting).path();
    const probe = spawnSync(
      'ffprobe',
      ['-v', 'error', '-show_entries', 'format=duration:stream=codec_name', '-of', 'json', file],
      { encoding: 'utf8' },
    );
    if (probe.error) t.diagnostic('skipped: there is no ffprobe to look at the film');
    else {
      const seen = JSON.parse(probe.stdout);
      assert.ok(
        seen.streams.some((stream) => stream.codec_name === 'h264'),
        probe.stdout + probe.stderr,
      );
      const length = Number(seen.format.duration);
      assert.ok(length > 8 && length < 14, `${length} s`);
    }

    await page.goto('/exports');
    const item = page.getByRole('listitem').filter({ hasText: 'Case 2026-118' });
    await item.waitFor();
    await item.getByText('Ready').waitFor();
    await inAllSizes('exports');
    await item.getByRole('button', { name: /^Delete the export/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await item.waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'Nothing has been exported' }).waitFor();
  });

  test('the new pages speak three languages', async () => {
    for (const [path, words] of [
      ['/storage', ['Por quanto tempo as gravações ficam', 'Cuánto tiempo se guardan las grabaciones']],
      ['/exports', ['Exportações', 'Exportaciones']],
      [`${room}/history`, [`O que foi gravado de ${CAMERA}`, `Lo que se grabó de ${CAMERA}`]],
      [`${room}/plan`, [`Quando gravar ${CAMERA}`, `Cuándo grabar ${CAMERA}`]],
    ]) {
      await page.goto(path);
      const menu = page.locator('button[aria-expanded]').first();
      for (const [index, code] of ['pt-BR', 'es', 'en'].entries()) {
        // It stays open while languages are tried: whether a key press has closed it already would be a race.
        if ((await menu.getAttribute('aria-expanded')) !== 'true') await menu.click();
        await page.locator('select[name=language]').selectOption(code);
        if (words[index]) await page.getByRole('heading', { name: words[index] }).waitFor();
      }
    }
  });

  test('nothing went wrong behind the scenes', async () => {
    await call(page, 'DELETE', `/cameras/${id}`);
    assert.deepEqual(page.troubles, []);
  });
});
