/** What to tell when no connection for runs could be made. */

/**
 * Find out whether the server answers at all, and say what can be done.
 * @param {string} url of the WebSocket
 * @param {boolean} never no connection was ever made in this page
 */
export async function unreachable(url, never) {
  const answers = await fetch("/healthz", { cache: "no-store" }).then(() => true, () => false);
  if (!answers) return "The server cannot be reached. Your program is kept in this browser: press Run to try again.";
  if (never)
    return `Programs are run over a WebSocket connection, and this browser cannot open one to ${new URL(url).host}. A proxy, a firewall or a browser extension may block it: allow WebSocket connections (HTTP Upgrade) to this address, then press Run.`;
  return "The WebSocket connection was lost and could not be restored, although the server responds. Press Run to try again.";
}
