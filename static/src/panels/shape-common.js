/** What the parts of the panel Shape do alike. */

/** @import { Scope } from "../core/scope.js" */
/** @import { Shown } from "../core/shape.js" */

/** @param {Scope} scope @param {Partial<Shown>} patch */
export const choose = ({ store }, patch) => store.set({ shape: { ...store.state.shape, ...patch } });

/** Go to a step of the walk, from wherever one is. @param {Scope} scope @param {number} step */
export function go({ cursor, store }, step) {
  if (store.state.view === "verify") cursor.goto(step);
  else cursor.show("verify", step);
}
