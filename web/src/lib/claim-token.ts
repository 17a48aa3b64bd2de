/**
 * The claim token of the label's QR code: `https://box/#claim=TOKEN`. It is taken out of the address at once, so that
 * it is in no history, bookmark or screenshot; a fragment never reaches a server.
 */
let token: string | null = null;

export function takeClaimToken(): void {
  const found = new URLSearchParams(location.hash.slice(1)).get('claim');
  if (!found) return;
  token = found;
  history.replaceState(history.state, '', location.pathname + location.search);
}

export function claimToken(): string | null {
  return token;
}
