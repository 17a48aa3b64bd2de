/** The few boxes of ISO 14496-12 that a player has to read: what the tracks are, and where in time a fragment lies. */

export interface Track {
  id: number;
  kind: 'video' | 'audio' | 'other';
  /** Ticks per second. */
  timescale: number;
  /** RFC 6381 codec string. */
  codec: string | null;
}

export interface FragmentTimes {
  /** Decoding time of the first sample of each track, in the track's ticks. */
  start: Map<number, number>;
  /** Samples of each track. */
  samples: Map<number, number>;
  /** Whether the first sample of each track is a key frame, where the fragment says so. */
  key: Map<number, boolean>;
}

interface Box {
  type: string;
  /** First byte of the content. */
  start: number;
  /** One past its last byte. */
  end: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

function view(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The boxes between two positions. Stops at the first that is cut off or makes no sense. */
function* boxes(data: DataView, start: number, end: number): Generator<Box> {
  let at = start;
  while (at + 8 <= end) {
    let size = data.getUint32(at);
    const type = fourCc(data, at + 4);
    let head = 8;
    if (size === 1) {
      if (at + 16 > end) return;
      size = Number(data.getBigUint64(at + 8));
      head = 16;
    } else if (size === 0) size = end - at;
    if (size < head || at + size > end) return;
    yield { type, start: at + head, end: at + size };
    at += size;
  }
}

function fourCc(data: DataView, at: number): string {
  return String.fromCharCode(data.getUint8(at), data.getUint8(at + 1), data.getUint8(at + 2), data.getUint8(at + 3));
}

function child(data: DataView, parent: Box, ...path: string[]): Box | null {
  let here: Box = parent;
  for (const type of path) {
    let found: Box | null = null;
    for (const box of boxes(data, here.start, here.end))
      if (box.type === type) {
        found = box;
        break;
      }
    if (!found) return null;
    here = found;
  }
  return here;
}

const hex = (value: number, digits = 2): string => value.toString(16).padStart(digits, '0');

/** `avc1.64001f` from the avcC record (ISO 14496-15 §5.3.3.1). */
function avc(data: DataView, entry: string, config: Box): string {
  return `${entry}.${hex(data.getUint8(config.start + 1))}${hex(data.getUint8(config.start + 2))}${hex(data.getUint8(config.start + 3))}`;
}

/** `hvc1.1.6.L93.B0` from the hvcC record (ISO 14496-15 §8.3.3 and annex E.3). */
function hevc(data: DataView, entry: string, config: Box): string {
  const first = data.getUint8(config.start + 1);
  const space = ['', 'A', 'B', 'C'][first >> 6] ?? '';
  const tier = first & 0x20 ? 'H' : 'L';
  // The compatibility flags are written with their bits the other way round.
  let flags = data.getUint32(config.start + 2);
  let reversed = 0;
  for (let i = 0; i < 32; i++) {
    reversed = ((reversed << 1) | (flags & 1)) >>> 0;
    flags >>>= 1;
  }
  const constraints: string[] = [];
  for (let i = 0; i < 6; i++) constraints.push(hex(data.getUint8(config.start + 6 + i), 1).toUpperCase());
  while (constraints.length > 0 && constraints.at(-1) === '0') constraints.pop();
  const level = data.getUint8(config.start + 12);
  return [`${entry}.${space}${first & 0x1f}`, hex(reversed, 1).toUpperCase(), `${tier}${level}`, ...constraints].join(
    '.',
  );
}

/** `mp4a.40.2` from the descriptors of esds (ISO 14496-1 §7.2.6, 14496-3 §1.6.2). */
function aac(data: DataView, esds: Box): string {
  let at = esds.start + 4;
  let objectType = 0x40;
  while (at + 2 < esds.end) {
    const tag = data.getUint8(at++);
    let size = 0;
    for (let i = 0; i < 4; i++) {
      const byte = data.getUint8(at++);
      size = (size << 7) | (byte & 0x7f);
      if (!(byte & 0x80)) break;
    }
    if (tag === 0x03) at += 3;
    else if (tag === 0x04) {
      objectType = data.getUint8(at);
      at += 13;
    } else if (tag === 0x05) {
      const first = data.getUint8(at) >> 3;
      const type = first === 31 ? 32 + (((data.getUint8(at) & 7) << 3) | (data.getUint8(at + 1) >> 5)) : first;
      return `mp4a.${hex(objectType)}.${type}`;
    } else at += size;
  }
  return `mp4a.${hex(objectType)}`;
}

function sampleEntryCodec(data: DataView, entry: Box): string | null {
  switch (entry.type) {
    case 'avc1':
    case 'avc3': {
      const config = child(data, { ...entry, start: entry.start + 78 }, 'avcC');
      return config && avc(data, entry.type, config);
    }
    case 'hvc1':
    case 'hev1': {
      const config = child(data, { ...entry, start: entry.start + 78 }, 'hvcC');
      return config && hevc(data, entry.type, config);
    }
    case 'mp4a': {
      const esds = child(data, { ...entry, start: entry.start + 28 }, 'esds');
      return esds && aac(data, esds);
    }
    case 'fLaC':
      return 'flac';
    case 'Opus':
      return 'opus';
    default:
      return entry.type;
  }
}

/** What `prft` (§8.16.5) says: at this media time of this track it was that time by the box's clock. */
export interface Reference {
  track: number;
  /** Milliseconds since 1970. */
  wall: number;
  /** Ticks of the track. */
  media: number;
}

/** Seconds from the beginning of NTP's time (1900) to that of Unix (1970). */
const NTP_TO_UNIX_S = 2_208_988_800;

/** The reference time of a live fragment, if it begins with one. */
export function parseReference(bytes: Bytes): Reference | null {
  const data = view(bytes);
  for (const box of boxes(data, 0, Math.min(bytes.byteLength, 256))) {
    if (box.type !== 'prft' || box.end - box.start < 20) return null;
    const long = data.getUint8(box.start) === 1;
    if (long && box.end - box.start < 24) return null;
    const seconds = data.getUint32(box.start + 8) - NTP_TO_UNIX_S;
    return {
      track: data.getUint32(box.start + 4),
      wall: seconds * 1000 + (data.getUint32(box.start + 12) / 2 ** 32) * 1000,
      media: long ? Number(data.getBigUint64(box.start + 16)) : data.getUint32(box.start + 16),
    };
  }
  return null;
}

/** The tracks of an initialisation segment. Empty when it is none. */
export function parseInit(bytes: Bytes): Track[] {
  const data = view(bytes);
  const moov = child(data, { type: '', start: 0, end: bytes.byteLength }, 'moov');
  if (!moov) return [];
  const tracks: Track[] = [];
  for (const trak of boxes(data, moov.start, moov.end)) {
    if (trak.type !== 'trak') continue;
    const tkhd = child(data, trak, 'tkhd');
    const mdhd = child(data, trak, 'mdia', 'mdhd');
    const hdlr = child(data, trak, 'mdia', 'hdlr');
    const stsd = child(data, trak, 'mdia', 'minf', 'stbl', 'stsd');
    if (!tkhd || !mdhd || !hdlr) continue;
    const handler = fourCc(data, hdlr.start + 8);
    const entry = stsd && [...boxes(data, stsd.start + 8, stsd.end)][0];
    tracks.push({
      id: data.getUint32(tkhd.start + (data.getUint8(tkhd.start) === 1 ? 20 : 12)),
      timescale: data.getUint32(mdhd.start + (data.getUint8(mdhd.start) === 1 ? 20 : 12)),
      kind: handler === 'vide' ? 'video' : handler === 'soun' ? 'audio' : 'other',
      codec: entry ? sampleEntryCodec(data, entry) : null,
    });
  }
  return tracks;
}

/** The MIME type with which a source buffer takes these tracks. */
export function mimeOf(tracks: readonly Track[]): string {
  const codecs = tracks.filter((track) => track.kind !== 'other').map((track) => track.codec);
  return `video/mp4; codecs="${codecs.join(',')}"`;
}

/** `sample_is_non_sync_sample` (ISO 14496-12 §8.8.3.1). */
const NON_SYNC = 0x0001_0000;

/** Flags of the first sample of a run (§8.8.8), or null when neither the run nor the track fragment gives them. */
function firstSampleFlags(data: DataView, trun: Box, fallback: number | null): number | null {
  const flags = data.getUint32(trun.start) & 0xff_ffff;
  let at = trun.start + 8 + (flags & 0x1 ? 4 : 0);
  if (flags & 0x4) return at + 4 <= trun.end ? data.getUint32(at) : null;
  if (!(flags & 0x400)) return fallback;
  at += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0);
  return at + 4 <= trun.end ? data.getUint32(at) : null;
}

/** The default sample flags of a track fragment header (§8.8.7), or null. */
function defaultFlags(data: DataView, tfhd: Box): number | null {
  const flags = data.getUint32(tfhd.start) & 0xff_ffff;
  if (!(flags & 0x20)) return null;
  const at =
    tfhd.start + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0) + (flags & 0x8 ? 4 : 0) + (flags & 0x10 ? 4 : 0);
  return at + 4 <= tfhd.end ? data.getUint32(at) : null;
}

/** Where each track of a media segment (one moof or several) begins, and how many samples it has. */
export function parseFragment(bytes: Bytes): FragmentTimes {
  const data = view(bytes);
  const times: FragmentTimes = { start: new Map(), samples: new Map(), key: new Map() };
  for (const moof of boxes(data, 0, bytes.byteLength)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxes(data, moof.start, moof.end)) {
      if (traf.type !== 'traf') continue;
      let id = 0;
      let fallback: number | null = null;
      for (const box of boxes(data, traf.start, traf.end)) {
        if (box.type === 'tfhd') {
          id = data.getUint32(box.start + 4);
          fallback = defaultFlags(data, box);
        } else if (box.type === 'tfdt') {
          const long = data.getUint8(box.start) === 1;
          const time = long ? Number(data.getBigUint64(box.start + 4)) : data.getUint32(box.start + 4);
          if (!times.start.has(id)) times.start.set(id, time);
        } else if (box.type === 'trun') {
          const flags = firstSampleFlags(data, box, fallback);
          if (!times.key.has(id) && flags !== null) times.key.set(id, (flags & NON_SYNC) === 0);
          times.samples.set(id, (times.samples.get(id) ?? 0) + data.getUint32(box.start + 4));
        }
      }
    }
  }
  return times;
}

/** A sample of a media segment: where its bytes lie, and how long it lasts in ticks of its track. */
export interface SampleRange {
  start: number;
  end: number;
  duration: number;
}

/** The samples of one track in a media segment, in order (§8.8.7, §8.8.8). Those that lie outside of it are left out. */
export function parseSamples(bytes: Bytes, track: number): SampleRange[] {
  const data = view(bytes);
  const samples: SampleRange[] = [];
  for (const moof of boxes(data, 0, bytes.byteLength)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxes(data, moof.start, moof.end)) {
      const tfhd = traf.type === 'traf' ? child(data, traf, 'tfhd') : null;
      if (!tfhd || data.getUint32(tfhd.start + 4) !== track) continue;
      const flags = data.getUint32(tfhd.start) & 0xff_ffff;
      let at = tfhd.start + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
      const duration = flags & 0x8 ? data.getUint32(at) : 0;
      at += flags & 0x8 ? 4 : 0;
      const size = flags & 0x10 ? data.getUint32(at) : 0;
      for (const trun of boxes(data, traf.start, traf.end)) {
        if (trun.type !== 'trun') continue;
        // Offsets count from the box `moof`, whose head is eight bytes: none of ours is larger than 4 GiB.
        samples.push(...runSamples(data, trun, moof.start - 8, { duration, size }));
      }
    }
  }
  return samples.filter((sample) => sample.end <= bytes.byteLength && sample.end > sample.start);
}

function* runSamples(
  data: DataView,
  trun: Box,
  base: number,
  fallback: { duration: number; size: number },
): Generator<SampleRange> {
  const flags = data.getUint32(trun.start) & 0xff_ffff;
  const count = data.getUint32(trun.start + 4);
  let at = trun.start + 8;
  let start = base;
  if (flags & 0x1) {
    start += data.getInt32(at);
    at += 4;
  }
  if (flags & 0x4) at += 4;
  const each = [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length * 4;
  for (let index = 0; index < count && at + each <= trun.end; index++, at += each) {
    const duration = flags & 0x100 ? data.getUint32(at) : fallback.duration;
    const size = flags & 0x200 ? data.getUint32(at + (flags & 0x100 ? 4 : 0)) : fallback.size;
    yield { start, end: start + size, duration };
    start += size;
  }
}
