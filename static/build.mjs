// Bundles static/src into static/dist: the page's modules, that of plain pages, one style sheet, a tiny
// script that sets the theme before paint, and the page's modules as one for a session in one file.
import { build, context } from "esbuild";
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));

/** Style sheets of pages without a script, in which nothing would set the words. */
const PLAIN = /[\\/]embed\.css$/;

/** Media queries about the window, by the word on the root element that stands for each (src/core/room.js). */
const queries = {};
const LENGTHS = /^\((?:max|min)-(?:width|height): [\d.]+px\)(?: and \((?:max|min)-(?:width|height): [\d.]+px\))*$/;

/** The word for a media query; null for one that asks for something else, such as the colour scheme. */
function word(query) {
  if (!LENGTHS.test(query)) {
    if (/width|height/.test(query)) throw new Error(`@media ${query}: larger type cannot be taken into account`);
    return null;
  }
  const parts = [...query.matchAll(/\(([a-z-]+): ([\d.]+)px\)/g)].map((part) => [part[1], Number(part[2])]);
  const name = parts.map(([what, pixels]) => `${what}-${String(pixels).replace(".", "_")}`).join("-");
  queries[name] = Object.fromEntries(parts);
  return name;
}

/**
 * A style sheet in which all lengths but hairlines follow the size of the type: pixels become rem, and media queries
 * about the window become attributes that take the size into account.
 */
export const scalable = (css) =>
  css
    .replace(/@media ([^{]+?)\s*\{/g, (all, query) => (word(query) === null ? all : `:where([data-room~="${word(query)}"]) {`))
    .replace(/(?<![\w.-])(-?)(\d*\.?\d+)px/g, (all, sign, pixels) => (Number(pixels) <= 2 ? all : `${sign}${Number(pixels) / 16}rem`));

const scaling = {
  name: "scaling",
  setup: (made) => made.onLoad({ filter: /src[\\/]css[\\/].*\.css$/ }, ({ path }) => (PLAIN.test(path) ? undefined : { contents: scalable(readFileSync(path, "utf8")), loader: "css" })),
};
const options = {
  entryPoints: [
    { in: join(here, "src/app.js"), out: "session" },
    { in: join(here, "src/css/app.css"), out: "app" },
    { in: join(here, "src/css/embed.css"), out: "embed" },
    { in: join(here, "src/pages.js"), out: "pages" },
  ],
  outdir: join(here, "dist"),
  entryNames: "[name]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  legalComments: "none",
  logLevel: "warning",
  plugins: [scaling],
};
/**
 * What the page imports by import() is a module of its own; "chunk" is what the modules share. By their names they belong
 * together: while an upgrade replaces servers, a module of the other version is not found, instead of taken for its like.
 */
const page = { ...options, entryPoints: [{ in: join(here, "src/app.js"), out: "app" }], splitting: true, chunkNames: "[name]-[hash]", metafile: true };

/** modules.json: what is fetched before the first step is painted, which playground/staticfiles.py names in the page. */
function listed({ outputs }) {
  const [app] = Object.entries(outputs).filter(([, { entryPoint }]) => entryPoint?.endsWith("app.js"));
  const first = [app[0], ...app[1].imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path)];
  writeFileSync(join(options.outdir, "modules.json"), JSON.stringify(first.map((path) => basename(path))));
}
/** The script before the first paint is no module; it knows the queries once the style sheets are read. */
const early = () => ({
  ...options,
  entryPoints: [{ in: join(here, "src/theme.js"), out: "theme" }],
  format: "iife",
  define: { QUERIES: JSON.stringify(queries) },
});

if (process.argv.includes("--watch")) {
  await build(options);
  listed((await build(page)).metafile);
  await build(early());
  for (const each of [options, page]) {
    const watcher = await context({ ...each, minify: false, sourcemap: true, logLevel: "info" });
    await watcher.watch();
  }
} else {
  rmSync(options.outdir, { recursive: true, force: true });
  await build(options);
  listed((await build(page)).metafile);
  await build(early());
  copyFileSync(join(here, "reference.json"), join(options.outdir, "reference.json"));
  // Beside each file its compressed self, which is what goes over the wire.
  for (const name of readdirSync(options.outdir)) {
    const file = join(options.outdir, name);
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
  }
}
