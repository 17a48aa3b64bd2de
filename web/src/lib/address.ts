/** A camera's address as people paste it. */

export interface SplitAddress {
  address: string;
  username: string | null;
  password: string | null;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A bare percent sign in a password: meant as it stands.
    return text;
  }
}

/**
 * Takes `user:password@` out of an address. People write passwords as they are, with `@`, `/`, `?` and `#` in them: the
 * credentials end at the last `@` before the first slash, or, when there is none and what stands there is no host, at
 * the first `@` after it. What stands before a slash without any `@` and is a host is one: its path keeps its `@`.
 */
export function splitAddress(text: string): SplitAddress {
  const trimmed = text.trim();
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/i.exec(trimmed);
  const none = { address: trimmed, username: null, password: null };
  if (!match) return none;
  const [, scheme = '', rest = ''] = match;
  const slash = rest.search(/[/?#]/);
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  let at = authority.lastIndexOf('@');
  if (at < 0 && !/^(?:\[[0-9a-f:.]+\]|[^:@]*)(?::\d{1,5})?$/i.test(authority)) at = rest.indexOf('@');
  if (at < 0) return none;
  const credentials = rest.slice(0, at);
  const colon = credentials.indexOf(':');
  return {
    address: scheme + rest.slice(at + 1),
    username: decode(colon < 0 ? credentials : credentials.slice(0, colon)),
    password: colon < 0 ? null : decode(credentials.slice(colon + 1)),
  };
}

/** A name to begin with: the host of the address. */
export function draftName(address: string): string {
  const match = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)/i.exec(address.trim());
  return match?.[1] || 'Camera';
}
