/** Types of the page's own that JSDoc cannot express. */

/** What can stand in an element: text is made visible; null, undefined and false are left out. */
export type Child = Node | string | number | boolean | null | undefined | Child[];
