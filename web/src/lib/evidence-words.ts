/** What the box can prove of a stretch, as sentences. */

import type { Evidence, EvidenceSegment, Verdict } from '../api/types-recorder.ts';
import type { Formatter } from '../i18n/format.ts';
import type { Translator } from '../i18n/index.ts';

export type EvidenceTone = 'ok' | 'info' | 'warning' | 'bad';

export const TONES: Record<Verdict, EvidenceTone> = {
  whole: 'ok',
  whole_with_gaps: 'ok',
  not_sealed_yet: 'info',
  unsigned: 'warning',
  altered: 'bad',
  cut: 'bad',
};

const isBad = (verdict: Verdict): boolean => verdict === 'altered' || verdict === 'cut';

export interface EvidenceSaid {
  tone: EvidenceTone;
  title: string;
  /** The sentence of the whole. */
  lead: string;
  /** About honest gaps; null when there are none. */
  gaps: string | null;
  /** What is altered or cut, and where. */
  faults: { key: string; text: string; at: number }[];
}

/** The reason of a gap, as part of a sentence. */
function why(t: Translator, reason: string | null): string {
  return (t.code('gap', reason) ?? t('gap.unknown')).replace(/\.$/, '');
}

function gapWords(t: Translator, format: Formatter, evidence: Evidence): string | null {
  const declared = evidence.gaps
    .filter((gap) => gap.declared)
    .map((gap) => ({ ms: Date.parse(gap.end) - Date.parse(gap.start), reason: gap.reason }));
  const longest = declared.toSorted((a, b) => b.ms - a.ms)[0];
  if (!longest) return null;
  if (declared.length === 1)
    return t('evidence.oneGap', { length: format.duration(longest.ms), reason: why(t, longest.reason) });
  return t('evidence.someGaps', {
    count: format.number(declared.length),
    length: format.duration(declared.reduce((sum, gap) => sum + gap.ms, 0)),
    longest: format.duration(longest.ms),
    reason: why(t, longest.reason),
  });
}

function faultOf(t: Translator, format: Formatter, segment: EvidenceSegment): EvidenceSaid['faults'][number] {
  const [start, end] = [Date.parse(segment.start), Date.parse(segment.end)];
  const first = segment.first_altered?.time ? Date.parse(segment.first_altered.time) : null;
  const values = { start: format.clock(start), end: format.clock(end) };
  const text =
    segment.verdict === 'cut'
      ? t('evidence.fault.cut', values)
      : first === null
        ? t('evidence.fault.altered', values)
        : t('evidence.fault.alteredFrom', { ...values, first: format.clock(first) });
  return { key: String(segment.id), text, at: first ?? start };
}

/** The verdict on a stretch of `length` milliseconds, in words. A verdict not known here is said as the box says it. */
export function evidenceWords(t: Translator, format: Formatter, evidence: Evidence, length: number): EvidenceSaid {
  const title = t.code('evidence.title', evidence.verdict);
  const lead = t.code('evidence.lead', evidence.verdict);
  const wholly = evidence.verdict === 'whole' || evidence.verdict === 'whole_with_gaps';
  const files = t.n(wholly ? 'evidence.signed' : 'evidence.files', evidence.segments.length);
  const faults = evidence.segments
    .filter((segment) => isBad(segment.verdict))
    .map((segment) => faultOf(t, format, segment));
  for (const gap of evidence.gaps)
    if (!gap.declared)
      faults.push({
        key: gap.start,
        text: t('evidence.fault.undeclared', {
          start: format.clock(Date.parse(gap.start)),
          end: format.clock(Date.parse(gap.end)),
        }),
        at: Date.parse(gap.start),
      });
  return {
    tone: TONES[evidence.verdict] ?? 'warning',
    title: title ?? evidence.verdict,
    lead: lead ? lead.replaceAll('{length}', format.duration(length)).replaceAll('{files}', files) : evidence.text,
    gaps: gapWords(t, format, evidence),
    faults: faults.toSorted((a, b) => a.at - b.at),
  };
}

/** `3f9a 12c0 …`: a fingerprint that can be read over the telephone. */
export function grouped(fingerprint: string): string {
  const [, scheme = '', rest = fingerprint] = /^([g-z]\w*:|sha\d+:)?(.*)$/is.exec(fingerprint) ?? [];
  const plain = rest.replaceAll(/[\s:]/g, '');
  return /^[0-9a-f]+$/i.test(plain)
    ? `${scheme}${scheme && ' '}${(plain.match(/.{1,4}/g) ?? []).join(' ')}`
    : fingerprint;
}
