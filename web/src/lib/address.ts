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

/** What can follow the credentials: an IP address, a name with a dot, `localhost`, or anything with a port. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9-]+(?:\.[a-z0-9-]+)+\.?|localhost|[a-z0-9-]+(?=:\d))(?::\d{1,5})?(?:[/?#]|$)/i;

/** An authority that is a host with or without a port, and has no credentials. */
const HOST_ALONE = /^(?:\[[0-9a-f:.]+\]|[^:@]*)(?::\d{1,5})?$/i;

/**
 * Takes `user:password@` out of an address. People write passwords as they are, with `@`, `/`, `?` and `#` in them: the
 * credentials end at the last `@` that a host follows. An address that begins with a host has none; its path keeps
 * its `@`.
 */
export function splitAddress(text: string): SplitAddress {
  const trimmed = text.trim();
  const none = { address: trimmed, username: null, password: null };
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/i.exec(trimmed) ?? [];
  if (HOST_ALONE.test(rest.split(/[/?#]/, 1)[0] ?? '')) return none;
  let at = rest.lastIndexOf('@');
  while (at > 0 && !HOST.test(rest.slice(at + 1))) at = rest.lastIndexOf('@', at - 1);
  // No host to be seen: a short name, as in `user:password@camera/live`.
  if (at < 0) at = rest.split(/[/?#]/, 1)[0]!.lastIndexOf('@');
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
