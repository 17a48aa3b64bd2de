import { describe, expect, it } from 'vitest';
import { mimeOf, parseFragment, parseInit, parseReference, parseSamples } from './mp4.ts';

type Bytes = Uint8Array<ArrayBuffer>;
const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const text = (letters: string): number[] => [...letters].map((letter) => letter.charCodeAt(0));
const box = (type: string, ...content: number[][]): number[] => {
  const body = content.flat();
  return [...u32(body.length + 8), ...text(type), ...body];
};
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);
const bytes = (list: number[]): Bytes => Uint8Array.from(list);

const trak = (id: number, handler: string, timescale: number, entry: number[]): number[] =>
  box(
    'trak',
    box('tkhd', zeros(12), u32(id), zeros(64)),
    box(
      'mdia',
      box('mdhd', zeros(12), u32(timescale), zeros(8)),
      box('hdlr', zeros(8), text(handler), zeros(13)),
      box('minf', box('stbl', box('stsd', zeros(4), u32(1), entry))),
    ),
  );

const AVC = box('avc1', zeros(78), box('avcC', [1, 0x64, 0x00, 0x1f, 0xff]));
const HEVC = box('hvc1', zeros(78), box('hvcC', [1, 0x01, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93]));
const AAC = box(
  'mp4a',
  zeros(28),
  box('esds', zeros(4), [0x03, 25, 0, 1, 0, 0x04, 17, 0x40, ...zeros(12), 0x05, 2, 0x14, 0x08]),
);

describe('an init segment', () => {
  it('names its tracks and what a source buffer must be told', () => {
    const init = bytes([
      ...box('ftyp', text('iso6')),
      ...box('moov', trak(1, 'vide', 90_000, AVC), trak(2, 'soun', 16_000, AAC)),
    ]);
    const tracks = parseInit(init);
    expect(tracks).toEqual([
      { id: 1, kind: 'video', timescale: 90_000, codec: 'avc1.64001f' },
      { id: 2, kind: 'audio', timescale: 16_000, codec: 'mp4a.40.2' },
    ]);
    expect(mimeOf(tracks)).toBe('video/mp4; codecs="avc1.64001f,mp4a.40.2"');
  });

  it('knows H.265 and FLAC, and leaves metadata out of the type', () => {
    const init = bytes(
      box(
        'moov',
        trak(1, 'vide', 90_000, HEVC),
        trak(2, 'soun', 8000, box('fLaC', zeros(28))),
        trak(3, 'meta', 1000, box('metx', zeros(8))),
      ),
    );
    expect(mimeOf(parseInit(init))).toBe('video/mp4; codecs="hvc1.1.6.L93.B0,flac"');
  });

  it('is empty when it is none, at whatever length it is cut off', () => {
    const init = box('moov', trak(1, 'vide', 90_000, AVC));
    for (let length = 0; length < init.length; length++) expect(parseInit(bytes(init.slice(0, length)))).toEqual([]);
  });
});

const traf = (id: number, time: number, samples: number, flags: number): number[] =>
  box(
    'traf',
    box('tfhd', u32(0x02_0000), u32(id)),
    box('tfdt', [1, 0, 0, 0], u32(0), u32(time)),
    box('trun', u32(0x05), u32(samples), u32(0), u32(flags)),
  );

describe('a fragment', () => {
  it('says where in time it lies, how many samples it has, and whether it begins with a key frame', () => {
    const one = bytes([
      ...box('moof', traf(1, 180_000, 25, 0x0200_0000), traf(2, 32_000, 16, 0x0200_0000)),
      ...box('mdat', zeros(40)),
      ...box('moof', traf(1, 270_000, 25, 0x0101_0000)),
      ...box('mdat', zeros(40)),
    ]);
    const times = parseFragment(one);
    expect(times.start.get(1)).toBe(180_000);
    expect(times.samples.get(1)).toBe(50);
    expect(times.start.get(2)).toBe(32_000);
    expect(times.key.get(1)).toBe(true);
    expect(parseFragment(bytes(box('moof', traf(1, 0, 1, 0x0101_0000)))).key.get(1)).toBe(false);
  });

  it('never throws on garbage', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff) % 256;
    const whole = [...box('moof', traf(1, 5, 2, 0))];
    for (let round = 0; round < 500; round++) {
      const broken = whole.map((byte) => (random() < 20 ? random() : byte));
      expect(() => parseFragment(bytes(broken))).not.toThrow();
    }
  });

  it('carries the time at which its frame was taken', () => {
    // 2026-11-20T10:00:00.5Z in NTP.
    const seconds = Date.parse('2026-11-20T10:00:00Z') / 1000 + 2_208_988_800;
    const prft = box('prft', [1, 0, 0, 24], u32(1), u32(seconds), u32(0x8000_0000), u32(0), u32(90_000));
    expect(parseReference(bytes([...prft, ...box('moof', zeros(8))]))).toEqual({
      track: 1,
      wall: Date.parse('2026-11-20T10:00:00.500Z'),
      media: 90_000,
    });
    expect(parseReference(bytes(box('moof', zeros(8))))).toBeNull();
  });
});

const trun = (...sizes: number[]): number[] =>
  box(
    'trun',
    u32(0x301),
    u32(sizes.length),
    u32(0),
    sizes.flatMap((size) => u32(100).concat(u32(size))),
  );
const moof = (run: number[]): number[] => box('moof', box('traf', box('tfhd', u32(0x20000), u32(1)), run));

describe('samples', () => {
  it('lie where the run says, one behind the other', () => {
    const run = trun(3, 5);
    const head = moof(run);
    // The offset counts from the beginning of moof: its own length, and the head of mdat.
    const at = head.length - run.length + 16;
    head.splice(at, 4, ...u32(head.length + 8));
    const segment = bytes([...head, ...box('mdat', [1, 2, 3, 4, 5, 6, 7, 8])]);
    const samples = parseSamples(segment, 1);
    expect(samples.map((one) => [...segment.subarray(one.start, one.end)])).toEqual([
      [1, 2, 3],
      [4, 5, 6, 7, 8],
    ]);
    expect(samples.map((one) => one.duration)).toEqual([100, 100]);
    expect(parseSamples(segment, 2)).toEqual([]);
  });

  it('that are cut off, at whatever length, are left out', () => {
    const whole = bytes([...moof(trun(3, 5)), ...box('mdat', zeros(8))]);
    for (let length = 0; length < whole.length; length++)
      for (const sample of parseSamples(whole.slice(0, length), 1)) expect(sample.end).toBeLessThanOrEqual(length);
  });
});
