/**
 * Share: a dialog with what a link would be and how long, before it is made. The form asks the server for a link with
 * htmx, which answers with the dialog's result (templates/partials/share.html); a link that carries the program is made here.
 */
import { fragment, shown } from "../core/link.js";
import { pack } from "../core/packed.js";
import { count, grouping, size } from "../ui/format.js";
import { fill, h } from "../ui/dom.js";
import { copies, downloads } from "./share-files.js";
import { Minimal } from "./share-minimal.js";

/** @import { Scope } from "../core/scope.js" */

const LOST = "The server cannot be reached, so no link was made. Your program is still here: try again.";
const ID_LENGTH = 16;
/** A link that is longer is cut by some programs that people paste it into. */
const LONG = 2000;

/** Why a log is not put into a link, "" if it is. @param {Scope} scope */
function tooLong({ state, config }) {
  const most = config.limits?.shared_log_bytes;
  if (state.kind !== "log" || most === undefined) return "";
  const bytes = state.upload ? state.upload.file.size : new Blob([state.source]).size;
  return bytes > most ? `This log has ${size(bytes)}, and a link carries at most ${size(most)}. Share a part of it: the end, with the message, tells most.` : "";
}

/** @param {number} status of an answer that is not the dialog's */
const refused = (status) => `The server answered ${status} and made no link. Your program is still here: try again.`;

/** @param {number} length */
const characters = (length) => grouping(length, "character");

/** What the link is of, as the server takes it. @param {Scope} scope */
function content({ state, protocol }) {
  const { title } = state.program;
  return { ...protocol.request(), ...(title ? { title } : {}), view: shown(state) };
}

/** What the link restores, in words. @param {Scope} scope */
function restored({ state, steps }) {
  const points = /** @type {{breakpoints?: unknown[]}} */ (/** @type {unknown} */ (state)).breakpoints?.length ?? 0;
  const where = steps[state.view].total ? `step ${state.step + 1} of ${state.view === "run" ? "the run" : "the verifier"}` : "";
  const parts = [where, state.reg ? state.reg : "", "the panels", points ? count(points, "breakpoint") : ""].filter(Boolean);
  return `The link opens the program with its options and input, and as you see it: ${parts.join(", ")}.`;
}

export class Share {
  /**
   * @param {HTMLElement | null} form null where there is no server
   * @param {HTMLDialogElement} dialog
   * @param {Scope} scope
   */
  constructor(form, dialog, scope) {
    this.form = form;
    this.dialog = dialog;
    this.scope = scope;
    /** The link with the program in it; "" until it was made. */
    this.carried = "";
    this.minimal = new Minimal(scope, () => this.url());
    if (form) this.listen(form);
  }

  /** @param {string} id */
  part(id) {
    return /** @type {HTMLElement} */ (this.dialog.querySelector(`[data-part="${id}"]`));
  }

  /** @param {HTMLElement} form */
  listen(form) {
    const { scope } = this;
    const result = this.part("share-result");
    form.addEventListener("submit", (event) => event.preventDefault()); // also before htmx is there
    /** @param {string} type @param {(detail: any) => void} handler of the event's detail */
    const on = (type, handler) => form.addEventListener(type, (event) => handler(/** @type {CustomEvent} */ (event).detail));
    form.addEventListener("htmx:confirm", (event) => {
      if (!this.chosen()) return;
      event.preventDefault();
      void this.carry();
    });
    on("htmx:configRequest", ({ parameters }) => {
      parameters.set("program", JSON.stringify(content(scope)));
      parameters.set("view", fragment(scope.state));
    });
    on("htmx:sendError", () => this.fail(LOST));
    on("htmx:beforeOnLoad", ({ xhr }) => {
      // A reason for a refusal comes as the dialog's content too; a proxy's error page does not.
      if (xhr.status >= 400 && !xhr.getResponseHeader("HX-Reswap")) this.fail(refused(xhr.status));
    });
    result.addEventListener("htmx:beforeSwap", (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      if (detail.xhr.getResponseHeader("HX-Reswap")) detail.shouldSwap = true;
    });
    result.addEventListener("htmx:afterSwap", () => void this.made(true));
  }

  /** Whether the link is to carry the program. */
  chosen() {
    return /** @type {HTMLInputElement | null} */ (this.dialog.querySelector('input[value="carried"]'))?.checked === true;
  }

  /** @param {string} sentence */
  fail(sentence) {
    fill(this.part("share-result"), h("p", { class: "bad", role: "alert" }, sentence));
  }

  open() {
    const { scope } = this;
    const { state } = scope;
    const why = tooLong(scope);
    this.carried = "";
    fill(this.part("share-more"), copies(scope, () => this.url()), this.minimal.element, downloads(scope));
    if (!this.form) {
      this.dialog.showModal();
      return;
    }
    fill(this.part("share-result"));
    const stored = location.origin.length + 3 + ID_LENGTH + fragment(state).length;
    const bytes = new Blob([JSON.stringify(content(scope))]).size;
    const carried = h("span", null, "…");
    const first = h("input", { type: "radio", name: "where", value: "stored", checked: true });
    fill(
      this.part("share-choice"),
      why
        ? h("p", { class: "bad", role: "alert" }, why)
        : [
            h("p", { class: "hint" }, restored(scope)),
            h("label", { class: "share-way" }, first, h("span", null, h("b", null, "A short link"), ` of ${characters(stored)}. The server stores ${size(bytes)}; anyone with the link can see them.`)),
            h("label", { class: "share-way" }, h("input", { type: "radio", name: "where", value: "carried" }), h("span", null, h("b", null, "Everything in the link"), " only: ", carried, ". The server stores nothing.")),
          ],
    );
    this.part("share-link").hidden = Boolean(why);
    this.dialog.showModal();
    if (why) return;
    first.focus();
    void this.pack().then((url) => {
      fill(carried, characters(url.length), url.length > LONG ? h("span", { class: "hint" }, `, more than some mail and chat programs keep whole`) : null);
    });
  }

  /** The link that was made in this dialog, "" before. */
  url() {
    return /** @type {HTMLInputElement | null} */ (this.dialog.querySelector(".share-url"))?.value ?? "";
  }

  /** The address with the program in it. */
  async pack() {
    if (this.carried) return this.carried;
    const { state } = this.scope;
    const packed = await pack({ request: this.scope.protocol.request(), title: state.program.title, view: shown(state) });
    this.carried = `${location.origin}/#z=${packed}`;
    return this.carried;
  }

  async carry() {
    const url = await this.pack();
    fill(
      this.part("share-result"),
      h("p", { role: "status" }, h("span", { "data-copied": true, hidden: true }, "The link is copied. "), "The server stored nothing: the program is in the link."),
      h("input", { class: "share-url", type: "text", readonly: true, value: url, "aria-label": "Link" }),
    );
    await this.made(false);
  }

  /** The result stands in the dialog: select the link, and copy it where the browser allows it. @param {boolean} address whether the page gets it as its address */
  async made(address) {
    const field = /** @type {HTMLInputElement | null} */ (this.dialog.querySelector(".share-url"));
    if (!field) return;
    field.focus();
    field.select();
    if (address) history.replaceState(history.state, "", field.value);
    try {
      await navigator.clipboard.writeText(field.value);
      const copied = /** @type {HTMLElement | null} */ (this.dialog.querySelector("[data-copied]"));
      if (copied) copied.hidden = false;
    } catch {
      // No permission or no secure context: the link stands selected, ready to be copied by hand.
    }
  }
}
