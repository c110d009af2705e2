/** Base of the web components: one panel each, all given the same scope. */

/** @type {import("./scope.js").Scope} */
let scope;

/** Give panels their scope; components must be defined after this. @param {import("./scope.js").Scope} value */
export function provide(value) {
  scope = value;
}

export class Panel extends HTMLElement {
  built = false;
  /** @type {import("./scope.js").Scope} */
  scope;
  /** @type {import("./store.js").Store} */
  store;

  connectedCallback() {
    if (this.built) return;
    this.built = true;
    this.scope = scope;
    this.store = scope.store;
    this.build();
  }

  /** Make the content and subscribe. */
  build() {
    throw new Error(`${this.localName} makes no content`);
  }
}
