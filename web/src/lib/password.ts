/** What makes a password good enough, told while it is typed and not after. The same rules as the box has, which has
 * the last word. */

export const MIN_LENGTH = 10;

export interface PasswordVerdict {
  /** Each rule, and whether it is met. */
  rules: { key: 'length' | 'notName' | 'varied'; met: boolean }[];
  /** 0 (nothing) to 4 (very strong). */
  strength: 0 | 1 | 2 | 3 | 4;
  ok: boolean;
}

/** Words that everybody tries first; a password is not one of these with a tail. */
const COMMON = /password|passwort|senha|contrase|qwert|asdf|12345|admin|heron|camera|letmein|welcome|abc123|iloveyou/i;

function guessBits(password: string): number {
  let alphabet = 0;
  if (/[a-z]/.test(password)) alphabet += 26;
  if (/[A-Z]/.test(password)) alphabet += 26;
  if (/\d/.test(password)) alphabet += 10;
  if (/[^a-zA-Z\d]/.test(password)) alphabet += 30;
  // Letters that repeat or follow on (aaaa, 1234) add little.
  let worth = 0;
  for (let i = 0; i < password.length; i++) {
    const step = i === 0 ? 9 : password.charCodeAt(i) - password.charCodeAt(i - 1);
    worth += Math.abs(step) <= 1 ? 0.35 : 1;
  }
  const bits = worth * Math.log2(Math.max(2, alphabet));
  return COMMON.test(password) ? bits * 0.6 : bits;
}

export function judgePassword(password: string, username: string): PasswordVerdict {
  const name = username.trim().toLowerCase();
  const plain = password.toLowerCase();
  const besides = name === '' ? plain : plain.replaceAll(name, '');
  const notName = password !== '' && (besides === plain || [...besides].length >= 6);
  const varied = new Set(plain).size >= 5;
  const rules: PasswordVerdict['rules'] = [
    { key: 'length', met: [...password].length >= MIN_LENGTH },
    { key: 'varied', met: varied },
    { key: 'notName', met: notName },
  ];
  const bits = guessBits(password);
  const strength = password === '' ? 0 : bits < 36 ? 1 : bits < 56 ? 2 : bits < 76 ? 3 : 4;
  return { rules, strength, ok: rules.every((rule) => rule.met) };
}
