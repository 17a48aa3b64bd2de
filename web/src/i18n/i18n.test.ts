import { describe, expect, it } from 'vitest';
import en from './en.ts';
import es from './es.ts';
import { formatter } from './format.ts';
import { fill, LANGUAGES, load, pickLanguage, translator, type Messages } from './index.ts';
import ptBR from './pt-BR.ts';

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).toSorted();

describe.each([
  ['pt-BR', ptBR],
  ['es', es],
])('%s', (_, messages: Messages) => {
  it('has all the keys of English and no others', () => {
    expect(Object.keys(messages).toSorted()).toEqual(Object.keys(en).toSorted());
  });

  it('says something for each, with the same places to fill', () => {
    for (const [key, text] of Object.entries(messages)) {
      expect(text.trim(), key).not.toBe('');
      expect(places(text), key).toEqual(places(en[key as keyof Messages]));
    }
  });

  it('is a translation', () => {
    const keys = Object.keys(en) as (keyof Messages)[];
    const same = keys.filter((key) => messages[key] === en[key]);
    expect(same.length / keys.length).toBeLessThan(0.06);
  });
});

describe('languages', () => {
  it('are picked by choice, then by the browser, then English', () => {
    expect(pickLanguage('es', ['pt-BR'])).toBe('es');
    expect(pickLanguage(null, ['fr-FR', 'pt-PT', 'en'])).toBe('pt-BR');
    expect(pickLanguage('xx', ['de', 'es-MX'])).toBe('es');
    expect(pickLanguage(null, [])).toBe('en');
  });

  it('are each in a file that loads', async () => {
    for (const { code } of LANGUAGES) expect((await load(code))['nav.live']).toBeTruthy();
  });

  it('fill places, choose plurals and know codes from the box', () => {
    expect(fill('{a} of {b}', { a: 1 })).toBe('1 of {b}');
    const t = translator(en, 'en');
    expect(t('live.onlineOf', { online: 3, all: 4 })).toBe('3 of 4 online');
    expect(t.n('storage.days', 1)).toBe('1 day');
    expect(t.n('storage.days', 31)).toBe('31 days');
    expect(t.code('reason', 'wrong_password')).toBe(en['reason.wrong_password']);
    expect(t.code('reason', 'never_heard_of')).toBeNull();
    expect(t.code('reason', null)).toBeNull();
  });
});

describe('numbers and times', () => {
  const format = formatter('en', 'UTC');
  const portuguese = formatter('pt-BR', 'America/Sao_Paulo');
  it('are written the language’s way, in the time zone of the place', () => {
    const wall = Date.parse('2026-11-20T14:03:27.480Z');
    expect(format.clock(wall)).toBe('14:03:27');
    expect(format.clockMs(wall)).toBe('14:03:27.480');
    expect(portuguese.clock(wall)).toBe('11:03:27');
    expect(format.bytes(1_840_000_000_000)).toBe('1.8 TB');
    expect(format.bytes(999)).toBe('999 byte');
    expect(portuguese.bitRate(4_100_000)).toBe('4,1 Mbit/s');
    expect(format.duration(125_000)).toBe('2 min 5 s');
    expect(format.duration(0)).toBe('0 s');
    expect(format.duration(7_260_000)).toBe('2 h 1 min');
    expect(format.ago(0, 7_200_000)).toBe('2 hours ago');
  });
});
