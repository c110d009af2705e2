/**
 * Share: the form in the header asks the server for a link with htmx; the server answers with the dialog's content
 * (templates/partials/share.html). Here the program is put into the request and the dialog is opened.
 */
import { fragment } from "../core/link.js";
import { fill, h } from "../ui/dom.js";
import { size } from "../ui/format.js";

/** @import { Scope } from "../core/scope.js" */

const LOST = "The server cannot be reached, so no link was made. Your program is still here: try again.";

/** Why a log is not put into a link, "" if it is. @param {Scope} scope */
function tooLong({ state, config }) {
  const most = config.limits?.shared_log_bytes;
  if (state.kind !== "log" || most === undefined) return "";
  const bytes = state.upload ? state.upload.file.size : new Blob([state.source]).size;
  return bytes > most ? `This log has ${size(bytes)}, and a link carries at most ${size(most)}. Share a part of it: the end, with the message, tells most.` : "";
}

/** @param {number} status of an answer that is not the dialog's */
const refused = (status) => `The server answered ${status} and made no link. Your program is still here: try again.`;

/**
 * @param {HTMLElement} form
 * @param {HTMLDialogElement} dialog
 * @param {Scope} scope
 */
export function listenShare(form, dialog, scope) {
  /** @param {string} type @param {(detail: any) => void} handler of the event's detail */
  const on = (type, handler) => form.addEventListener(type, (event) => handler(/** @type {CustomEvent} */ (event).detail));
  /** @param {string} sentence */
  const fail = (sentence) => {
    fill(dialog, h("p", { class: "bad", role: "alert" }, sentence), h("form", { method: "dialog" }, h("button", { class: "button primary" }, "Close")));
    dialog.showModal();
  };
  form.addEventListener("htmx:confirm", (event) => {
    const why = tooLong(scope);
    if (!why) return;
    event.preventDefault();
    fail(why);
  });
  on("htmx:configRequest", ({ parameters }) => {
    const { title } = scope.state.program;
    parameters.set("program", JSON.stringify({ ...scope.protocol.request(), ...(title ? { title } : {}) }));
    parameters.set("view", fragment(scope.state));
  });
  on("htmx:sendError", () => fail(LOST));
  on("htmx:beforeOnLoad", (detail) => {
    // A reason for a refusal comes as the dialog's content too; a proxy's error page does not.
    const { xhr } = detail;
    if (xhr.status >= 400 && !xhr.getResponseHeader("HX-Reswap")) fail(refused(xhr.status));
  });
  dialog.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    if (detail.xhr.getResponseHeader("HX-Reswap")) detail.shouldSwap = true;
  });
  dialog.addEventListener("htmx:afterSwap", () => void opened(dialog));
}

/** Show the dialog with the link, copied where the browser allows it. @param {HTMLDialogElement} dialog */
async function opened(dialog) {
  dialog.showModal();
  const field = /** @type {HTMLInputElement | null} */ (dialog.querySelector(".share-url"));
  if (!field) return;
  field.select();
  history.replaceState(history.state, "", field.value);
  try {
    await navigator.clipboard.writeText(field.value);
    const copied = /** @type {HTMLElement | null} */ (dialog.querySelector("[data-copied]"));
    if (copied) copied.hidden = false;
  } catch {
    // No permission or no secure context: the link stands selected, ready to be copied by hand.
  }
}
