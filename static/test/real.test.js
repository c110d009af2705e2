import assert from "node:assert/strict";
import test from "node:test";
import { world } from "./world.js";

const BEGUN = { type: "real", kernels: [{ name: "6.12", release: "6.12.1" }], missing: "", kernel: "6.12", release: "6.12.1", workloads: ["shell"] };
const LINES = { type: "real_output", ms: 3, lines: [{ kind: "printk", source: "", text: "<b>", bytes: "", size: 3 }] };
const DONE = { type: "real_done", status: 0, lost: 0, left_out: [0, 0], ms: 4 };

test("a run for real is told as it goes on, and can be asked for again with another kernel", () => {
  const { analyses, protocol, sent } = world();
  analyses.again("real", { kernel: "6.12", workload: "shell", shell: "", seconds: 5, take: "new" });
  for (const message of [BEGUN, LINES]) protocol.handle(message);
  assert.equal(analyses.answer("real")?.status, "asked");
  analyses.again("real", { kernel: "7.3" }); // not while the first goes on
  protocol.handle(DONE);
  assert.equal(analyses.answer("real")?.status, "done");
  assert.deepEqual(analyses.answer("real")?.parts.map((part) => part.type), ["real", "real_output", "real_done"]);
  analyses.again("real", { kernel: "7.3" });
  const asked = sent.filter(([kind, message]) => kind === "ask" && message.type === "real").map(([, message]) => message.kernel);
  assert.deepEqual(asked, ["6.12", "7.3"]);
});

test("a stopped one keeps what came, and only one that goes on is stopped", () => {
  const { analyses, protocol, sent } = world();
  const stops = () => sent.filter(([kind, message]) => kind === "ask" && message.type === "stop");
  analyses.stop("real");
  assert.equal(stops().length, 0);
  analyses.again("real", { take: "new" });
  for (const message of [BEGUN, LINES]) protocol.handle(message);
  analyses.stop("real");
  assert.deepEqual(stops().map(([, message]) => message), [{ type: "stop", asked: "real" }]);
  protocol.handle({ type: "error", code: "analysis", asked: "real", message: "This was stopped." });
  const answer = analyses.answer("real");
  assert.equal(answer?.status, "failed");
  assert.equal(answer?.parts.length, 2);
});
