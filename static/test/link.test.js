import assert from "node:assert/strict";
import { test } from "node:test";
import { fragment, readFragment, share } from "../src/core/link.js";
import { state } from "./world.js";

test("a fragment says what is in view, and is read back", () => {
  const view = { ...state(), step: 12, view: /** @type {const} */ ("run"), packetRun: 2, reg: "1:fp-16", pane: "log" };
  const hash = fragment(view);
  assert.equal(hash, "#step=13&stage=run&packet=3&reg=1%3Afp-16&pane=log");
  assert.deepEqual(readFragment(hash), { step: 12, packet: 2, stage: "run", reg: "1:fp-16", pane: "log" });
});

test("what makes no sense in a fragment is left out", () => {
  const nothing = { step: null, packet: 0, stage: null, reg: null, pane: null };
  for (const hash of ["", "#", "#step=0", "#step=x&stage=jit", "#reg=<b>&pane=A1", "#packet=-4", "#reg=r111"])
    assert.deepEqual(readFragment(hash), nothing, hash);
  assert.equal(readFragment("#step=3junk").step, 2);
});

test("sharing: the link, the server's reason, or that it cannot be reached", async (t) => {
  const answer = (ok, body, status = 200) => () => Promise.resolve({ ok, status, json: () => (body ? Promise.resolve(body) : Promise.reject(new Error("no JSON"))) });
  const fetch = t.mock.method(globalThis, "fetch", answer(true, { url: "/p/abc" }));
  assert.deepEqual(await share({ share: "/share" }, { kind: "c" }, "Mine"), { url: "http://localhost/p/abc" });
  assert.deepEqual(JSON.parse(fetch.mock.calls[0].arguments[1].body), { kind: "c", title: "Mine" });
  fetch.mock.mockImplementation(answer(false, { error: "too large" }, 413));
  assert.deepEqual(await share({ share: "/share" }, {}, ""), { error: "too large" });
  fetch.mock.mockImplementation(answer(false, null, 502));
  assert.deepEqual(await share({ share: "/share" }, {}, ""), { error: "The server answered 502." });
  fetch.mock.mockImplementation(() => Promise.reject(new Error("offline")));
  assert.match((await share({ share: "/share" }, {}, "")).error, /could not be reached/);
});
