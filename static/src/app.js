/** Where the page starts: read what came with it, make the panels, show the stored walk or the kept draft. */
import { readDraft } from "./core/draft.js";
import { listen } from "./core/keys.js";
import { packedIn, unpack } from "./core/packed.js";
import { provide } from "./core/panel.js";
import { RecordedSocket, recorded } from "./core/recorded.js";
import { Scope } from "./core/scope.js";
import { Trail } from "./core/trail.js";
import { Announcer } from "./panels/announcer.js";
import { BreakpointsPane } from "./panels/breakpoints.js";
import { ComparePane } from "./panels/compare.js";
import { Dock, PANES } from "./panels/dock.js";
import { Goto } from "./panels/goto.js";
import { PassedDialog } from "./panels/passed.js";
import { Header } from "./panels/header.js";
import { Insns } from "./panels/insns.js";
import { KernelsStrip } from "./panels/kernels.js";
import { LogPane } from "./panels/log.js";
import { PacketPane } from "./panels/packet.js";
import { Pipeline } from "./panels/pipeline.js";
import { ObjectPane } from "./panels/object.js";
import { ProfilePane } from "./panels/profile.js";
import { RealPane } from "./panels/real.js";
import { RewrittenPane } from "./panels/rewritten.js";
import { MachinePane, MapsPane, OutputPane } from "./panels/results.js";
import { Scrubber } from "./panels/scrubber.js";
import { ShapePane } from "./panels/shape.js";
import { Splitters } from "./panels/splitters.js";
import { State } from "./panels/state.js";
import { StructsPane } from "./panels/structs.js";
import { Switch } from "./panels/switch.js";
import { ValuePopover } from "./panels/value.js";
import { ViewMenu } from "./panels/view-menu.js";
import { WhyPane } from "./panels/why.js";
import { h } from "./ui/dom.js";
import * as tip from "./ui/tip.js";

/** @param {string} id of a script element with JSON */
const json = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

/** Characters of the source that are shown until the editor is there. */
const FIRST_TEXT = 20_000;
const NO_EDITOR = "The editor could not be loaded from the server. What is shown can be stepped through; load the page again to edit or to share.";

/** Milliseconds after which no frame is waited for: a hidden tab gets none. */
const FRAME = 300;

/** After the next frame. @returns {Promise<void>} */
const painted = () =>
  new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, FRAME);
  });

async function start() {
  const packed = packedIn();
  const carried = packed ? await unpack(packed) : null;
  const program = carried ? { ...json("program"), ...carried, id: null, example: null, packed } : json("program");
  /** @type {import("./core/scope.js").Boot} */
  const boot = { program, record: carried ? null : json("record"), config: json("config") };
  const file = await recorded();
  if (file) {
    const run = file.messages[0].type === "accepted" ? file.messages[0].run : "";
    boot.record = { run, messages: file.messages };
    boot.connect = () => new RecordedSocket(file, run);
  }
  const fresh = location.pathname === "/" && !carried && !file ? readDraft() : null;
  const differs = fresh && JSON.stringify([fresh.kind, fresh.source]) !== JSON.stringify([program.request.kind, program.request.source]);
  if (fresh && differs) {
    const { ownInput, ...request } = fresh;
    boot.ownInput = ownInput === true;
    boot.program = { ...program, id: null, example: null, title: "", request: { ...program.request, ...request } };
  }

  tip.define(json("glossary"));
  tip.listen();
  const scope = new Scope(boot);
  provide(scope);
  scope.trail = new Trail(scope, { panes: PANES.map((pane) => pane.id) });
  scope.trail.begin(boot.program);
  if (boot.record && !differs) scope.protocol.adopt(boot.record);

  const components = {
    "bs-header": Header, "bs-pipeline": Pipeline, "bs-insns": Insns, "bs-state": State,
    "bs-scrubber": Scrubber, "bs-log": LogPane, "bs-shape": ShapePane, "bs-packet": PacketPane, "bs-maps": MapsPane, "bs-structs": StructsPane, "bs-object": ObjectPane, "bs-rewritten": RewrittenPane, "bs-profile": ProfilePane, "bs-compare": ComparePane, "bs-real": RealPane,
    "bs-output": OutputPane, "bs-machine": MachinePane, "bs-dock": Dock, "bs-announcer": Announcer, "bs-goto": Goto, "bs-passed": PassedDialog,
    "bs-switch": Switch, "bs-why": WhyPane, "bs-kernels": KernelsStrip, "bs-splitters": Splitters, "bs-value": ValuePopover, "bs-breakpoints": BreakpointsPane, "bs-view-menu": ViewMenu,
  };
  for (const [name, component] of Object.entries(components)) customElements.define(name, component);

  const { kind, source } = scope.state;
  document.querySelector("bs-editor")?.append(h("pre", { class: "source-text", tabindex: "0", "aria-label": "Source" }, kind === "elf" ? "" : source.slice(0, FIRST_TEXT)));
  listen(scope);
  if (packed && !carried) scope.protocol.fail("The program in this link did not arrive whole: ask for the link again, or for a stored one.");
  else if (!boot.record || differs) scope.run();
  if (file) scope.analyses.reopen();
  // The editor is more code, and takes as long to make, as all other panels together: what can be stepped is painted before.
  await painted();
  try {
    const [{ Editor }] = await Promise.all([import("./panels/editor.js"), import("./core/htmx.js")]);
    customElements.define("bs-editor", Editor);
  } catch {
    scope.store.set({ notice: NO_EDITOR });
  }
  document.documentElement.dataset.ready = "true";
}

void start();
