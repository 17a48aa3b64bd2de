// The page that travels with an export, opened from disk as whoever gets the ZIP opens it. It needs no box: the export is made
// here, signed with a key of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch, open, PHONE, picture, until } from './harness/browser.mjs';

const TEMPLATE = fileURLToPath(new URL('../../firmware/exports/src/page.html', import.meta.url));
const START = Date.parse('2026-11-20T12:00:00.000Z');
const iso = (seconds) => new Date(START + seconds * 1000).toISOString();
const browserThere = existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium');
const ffmpegThere = ['/usr/bin/ffmpeg', '/usr/local/bin/ffmpeg'].some((path) => existsSync(path));
const missing = !browserThere ? 'there is no browser' : !ffmpegThere && 'there is no ffmpeg';

describe('the page in an export', { skip: missing }, () => {
  let browser;
  let page;
  let folder;
  const asked = [];

  /** A film of so many seconds, and what the manifest says of it. */
  const film = async (name, seconds, spans) => {
    const path = join(folder, name);
    await mkdir(join(path, '..'), { recursive: true });
    const source = `testsrc=size=320x180:rate=10:duration=${seconds}`;
    const encode = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-g', '10', '-movflags', '+faststart'];
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, ...encode, path]);
    const bytes = await readFile(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const start = spans[0].wall;
    return { name, bytes: bytes.length, sha256, start, end: iso(60), spans, evidence: null };
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heron-export-'));
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const manifest = {
      format: 'heron-export 1',
      box: { name: 'Heron', version: '0.1.0' },
      key: { algorithm: 'Ed25519', fingerprint: 'ab'.repeat(32) },
      created: iso(600),
      created_by: 'inge',
      note: '</script><b id="evil">note</b>',
      timezone: 'America/Sao_Paulo',
      requested: { start: iso(0), end: iso(60) },
      stream: 'main',
      evidence: false,
      cameras: [
        {
          name: 'Gate <b>',
          files: [
            await film('01-Gate/a.mp4', 10, [
              { at_ms: 0, wall: iso(0), ms: 6000 },
              { at_ms: 6000, wall: iso(20), ms: 4000 },
            ]),
            await film('01-Gate/b.mp4', 10, [{ at_ms: 0, wall: iso(50), ms: 10_000 }]),
          ],
          gaps: [
            { start: iso(6), end: iso(20), reason: 'camera_unreachable' },
            { start: iso(24), end: iso(50), reason: 'not_available' },
          ],
        },
        {
          name: 'Yard',
          files: [await film('02-Yard/a.mp4', 5, [{ at_ms: 0, wall: iso(18), ms: 5000 }])],
          gaps: [],
        },
      ],
      remarks: [],
    };
    const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(12);
    const html = (await readFile(TEMPLATE, 'utf8'))
      .replace('@MANIFEST@', bytes.toString('base64'))
      .replace('@SIGNATURE@', sign(null, bytes, privateKey).toString('base64'))
      .replace('@KEY@', key.toString('base64'));
    await writeFile(join(folder, 'manifest.json'), bytes);
    await writeFile(join(folder, 'index.html'), html);
    browser = await launch();
    page = await open(browser, { baseURL: undefined });
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
  });

  after(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  const clock = () => page.locator('#clock').textContent();
  const shows = (what) => until(`the clock shows ${what}`, async () => (await clock()).includes(what));

  test('plays from disk with the time of day, over gaps and from file to file', async () => {
    await shows(iso(0));
    // Behind the gap in the first file.
    await page.evaluate(() => {
      document.getElementById('video').currentTime = 8;
    });
    await shows(iso(22));
    // A click in the middle of what is missing goes to what comes next, which is another file.
    await page.locator('#bar').click();
    await shows(iso(50));
    // Another camera at the same moment has nothing there; at the end of its footage it begins where it can.
    await page.getByRole('button', { name: 'Yard' }).click();
    await shows(iso(18));
    await page.getByRole('button', { name: 'Gate <b>' }).click();
    await shows(iso(20));
    await page.evaluate(() => {
      const video = document.getElementById('video');
      video.currentTime = video.duration - 0.3;
      return video.play();
    });
    await shows(iso(50).slice(0, 18));
    assert.equal(await page.locator('#evil').count(), 0, 'a note is text');
    assert.equal(await page.locator('#gaps tr').count(), 2);
    await page.getByText('the camera was unreachable').waitFor();
  });

  test('speaks three languages and fits a phone', async () => {
    for (const [language, words] of [
      ['pt-BR', 'câmera inacessível'],
      ['es', 'cámara inaccesible'],
      ['en', 'the camera was unreachable'],
    ]) {
      await page.locator('#language').selectOption(language);
      await page.getByText(words).waitFor();
      assert.equal(await page.locator('html').getAttribute('lang'), language);
    }
    const size = page.viewportSize();
    await page.setViewportSize(PHONE);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= PHONE.width, `${width} wide`);
    await picture(page, 'export-phone');
    await page.setViewportSize(size);
    await picture(page, 'export-desk');
  });

  test('says whether the files are what was signed', async () => {
    await page.locator('#files').setInputFiles(folder);
    await until('all are checked', async () => (await page.locator('#checked .ok').count()) === 3);
    assert.equal(await page.locator('#checked .bad').count(), 0);
    const seal = await page.locator('#seal').textContent();
    assert.match(seal, /signature is right|cannot check the signature/);

    await appendFile(join(folder, '02-Yard/a.mp4'), 'x');
    await page.locator('#files').setInputFiles(folder);
    await until('the altered one is found', async () => (await page.locator('#checked .bad').count()) === 1);
    await page.getByRole('row', { name: '02-Yard/a.mp4 CHANGED' }).waitFor();

    await appendFile(join(folder, 'manifest.json'), ' ');
    await page.locator('#files').setInputFiles(folder);
    await page.getByText('manifest.json is another one').waitFor();
  });

  test('its own SHA-256, for large files, is the right one', async () => {
    const seed = randomBytes(4096);
    // Beyond what the browser's own is used for, and not a whole number of blocks.
    const times = 16_385;
    const hash = createHash('sha256');
    for (let i = 0; i < times; i++) hash.update(seed);
    hash.update('end');
    const got = await page.evaluate(
      ([bytes, count]) => {
        const one = new Uint8Array(bytes);
        const parts = Array.from({ length: count }, () => one);
        // `sha256` is the page's own.
        return sha256(new Blob([...parts, 'end']), () => {});
      },
      [[...seed], times],
    );
    assert.equal(got, hash.digest('hex'));
  });

  test('asks nothing of any network', () => {
    const elsewhere = asked.filter((url) => !url.startsWith('file:') && !url.startsWith('blob:'));
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(page.troubles, []);
  });
});
