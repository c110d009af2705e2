// Runs before the first paint, so that a chosen theme never flashes the other one, nor a chosen size another.
import { readLayout } from "./core/layout.js";
import { arrange } from "./core/room.js";

try {
  // An address may have chosen one.
  const theme = document.documentElement.dataset.theme ? null : localStorage.getItem("bpfscope.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden: the system's theme is used.
}
let { scale } = readLayout();
const apply = () => arrange(scale, QUERIES);
apply();
addEventListener("resize", apply);
// The page says which size is chosen.
document.addEventListener("scale", (event) => {
  const { detail } = /** @type {CustomEvent<number>} */ (event);
  if (detail === scale) return;
  scale = detail;
  apply();
});
