import assert from "node:assert/strict";
import test from "node:test";
import { known } from "../src/core/asked-kernels.js";
import { shown } from "../src/core/link.js";
import { state, world } from "./world.js";

test("of a link only what is well-formed is taken", () => {
  assert.equal(known(null), null);
  assert.equal(known({ matrix: 1, real: "x" }), null);
  assert.deepEqual(known({ matrix: { kernels: ["6.12", "<b>", 7], clangs: ["15"], mcpus: ["v3", "v9"], opts: "O2" }, real: { kernel: "../x", workload: "rm", seconds: 900, shell: 1 } }), {
    matrix: { kernels: ["6.12"], clangs: ["15"], mcpus: ["v3"], opts: [] },
    real: { kernel: "", workload: "shell", shell: "", seconds: 5 },
  });
  const setup = { values: { a: "1", b: 2 }, sizes: { m: 8, n: 0, o: "9" }, entries: [{ map: "m", key: "0", value: "1", more: 1 }, { map: "m" }, null], targets: "x" };
  assert.deepEqual(known({ real: { setup } })?.real?.setup, { values: { a: "1" }, sizes: { m: 8 }, entries: [{ map: "m", key: "0", value: "1" }], targets: {} });
  assert.equal("setup" in (known({ real: { setup: { sizes: { m: -1 } } } })?.real ?? {}), false);
});

test("what was asked goes into a link, and a link asks only for what is stored", () => {
  const { analyses, protocol, sent, store } = world();
  analyses.again("real", { kernel: "6.12", workload: "files", shell: "", seconds: 2, take: "new" });
  assert.deepEqual(shown(store.state).kernels, { real: { kernel: "6.12", workload: "files", shell: "", seconds: 2 } });
  protocol.run();
  protocol.handle({ type: "accepted", run: "r" });
  assert.equal(store.state.kernels, null); // another run: what was asked about the one before is not its own
  store.set({ kernels: known({ real: { kernel: "6.12", workload: "files", seconds: 2 } }) });
  protocol.handle({ type: "accepted", run: "r" });
  analyses.restore();
  const [, message] = sent.filter(([kind, asked]) => kind === "ask" && asked.type === "real").at(-1);
  assert.equal(message.take, "stored");
  assert.equal(message.workload, "files");
  assert.equal(analyses.answer("matrix"), undefined);
  assert.equal(shown(state()).kernels, undefined);
});
