/** What the parts of the panel Shape do alike. */

import { fill } from "../ui/dom.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { Shown } from "../core/shape.js" */
/** @import { Child } from "../types/page.js" */

/** @param {Scope} scope @param {Partial<Shown>} patch */
export const choose = ({ store }, patch) => store.set({ shape: { ...store.state.shape, ...patch } });

/** Go to a step of the walk, from wherever one is. @param {Scope} scope @param {number} step */
export function go({ cursor, store }, step) {
  if (store.state.view === "verify") cursor.goto(step);
  else cursor.show("verify", step);
}

/**
 * Replace what a part shows; what had the focus has it again, if it is marked with `data-keep` and still there. Else the part has it: who came by keys is not sent to the beginning of the page.
 * @param {HTMLElement} element
 * @param {...Child} children
 */
export function refill(element, ...children) {
  const { activeElement } = document;
  const inside = activeElement instanceof HTMLElement && activeElement !== element && element.contains(activeElement);
  const kept = inside ? activeElement.dataset.keep : undefined;
  fill(element, ...children);
  if (!inside) return;
  const again = kept === undefined ? undefined : [...element.querySelectorAll("[data-keep]")].find((each) => /** @type {HTMLElement} */ (each).dataset.keep === kept);
  (/** @type {HTMLElement | undefined} */ (again) ?? element).focus({ preventScroll: true });
}
