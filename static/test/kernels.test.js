import assert from "node:assert/strict";
import test from "node:test";
import { world } from "./world.js";

const CELL = { type: "cell", program: "p", kernel: "6.1", release: "6.1.0", clang: "", mcpu: "", opt: "", verdict: "accept", errno: 0, insns_processed: 1, message: "", log: "" };

test("kernels answer one after the other, and a new run forgets them", () => {
  const { analyses, protocol, store } = world();
  analyses.ask("matrix");
  protocol.handle({ type: "kernels", kernels: [{ name: "6.1", release: "6.1.0" }], missing: "" });
  assert.equal(analyses.answer("matrix")?.status, "asked");
  protocol.handle(CELL);
  store.set({ kernelLog: CELL });
  protocol.handle({ type: "cells_done", asked: 1, changes: [] });
  assert.equal(analyses.answer("matrix")?.status, "done");
  assert.deepEqual(
    analyses.answer("matrix")?.parts.map((part) => part.type),
    ["kernels", "cell", "cells_done"],
  );
  protocol.run();
  protocol.handle({ type: "accepted", run: "r" });
  assert.equal(analyses.answer("matrix"), undefined);
  assert.equal(store.state.kernelLog, null);
});
