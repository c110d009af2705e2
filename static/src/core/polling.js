/**
 * The run socket by requests that wait (docs/protocol.md, "Without a WebSocket"): as much of a WebSocket as a session uses.
 * Messages go out one after the other; those that come are asked for by the number of the last one that is here.
 */

const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];
const PAUSE = 500;
const LONGEST = 8000;

export class PollSocket extends EventTarget {
  /** @type {number} */
  readyState = CONNECTING;
  path = "";
  last = 0;
  /** @type {Promise<unknown>} what was sent so far */
  sent = Promise.resolve();
  gone = new AbortController();

  /** @param {string} url where conversations begin */
  constructor(url) {
    super();
    this.url = url;
    void this.begin();
  }

  async begin() {
    try {
      const response = await fetch(this.url, { method: "POST", signal: this.gone.signal });
      if (!response.ok) throw new Error(String(response.status));
      this.path = `${this.url}/${(await response.json()).id}`;
    } catch {
      this.over();
      return;
    }
    if (this.readyState !== CONNECTING) {
      this.leave();
      return;
    }
    this.readyState = OPEN;
    this.dispatchEvent(new Event("open"));
    await this.listen();
  }

  async listen() {
    let pause = PAUSE;
    while (this.readyState === OPEN) {
      try {
        const response = await fetch(`${this.path}?after=${this.last}`, { signal: this.gone.signal, cache: "no-store" });
        if (!response.ok) throw new Error(String(response.status));
        const { messages, last, closed } = await response.json();
        pause = PAUSE;
        this.last = last;
        for (const message of messages) this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
        if (closed !== null) this.over();
      } catch (error) {
        // A proxy may have ended a request that waited; a conversation that the server does not know is over.
        if (pause > LONGEST || (error instanceof Error && error.message === "404")) this.over();
        else await new Promise((resolve) => setTimeout(resolve, pause));
        pause *= 2;
      }
    }
  }

  /** @param {string} data */
  send(data) {
    this.sent = this.sent.then(() => this.post(data));
  }

  /** @param {string} data */
  async post(data) {
    for (let pause = PAUSE; this.readyState === OPEN; pause *= 2) {
      const response = await fetch(this.path, { method: "POST", body: data, signal: this.gone.signal }).catch(() => null);
      if (response?.ok) return;
      if (pause > LONGEST || (response && response.status !== 429)) this.over();
      else await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  close() {
    if (this.readyState === CLOSED) return;
    const open = this.readyState === OPEN;
    this.readyState = CLOSED;
    // What was sent before, a cancel among it, arrives first.
    if (open) void Promise.race([this.sent, new Promise((resolve) => setTimeout(resolve, PAUSE))]).then(() => this.leave());
    this.dispatchEvent(new Event("close"));
  }

  leave() {
    this.gone.abort();
    void fetch(this.path, { method: "DELETE", keepalive: true }).catch(() => undefined);
  }

  /** The server ended it, or cannot be reached. */
  over() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.gone.abort();
    this.dispatchEvent(new Event("close"));
  }
}
