// Bundles static/src into static/dist: the page's module, that of plain pages, one style sheet, and a tiny script that
// sets the theme before paint.
import { build, context } from "esbuild";
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const options = {
  entryPoints: [
    { in: join(here, "src/app.js"), out: "app" },
    { in: join(here, "src/css/app.css"), out: "app" },
    { in: join(here, "src/css/embed.css"), out: "embed" },
    { in: join(here, "src/pages.js"), out: "pages" },
    { in: join(here, "src/theme.js"), out: "theme" },
  ],
  outdir: join(here, "dist"),
  entryNames: "[name]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  legalComments: "none",
  logLevel: "warning",
};

if (process.argv.includes("--watch")) {
  const watcher = await context({ ...options, minify: false, sourcemap: true, logLevel: "info" });
  await watcher.watch();
} else {
  rmSync(options.outdir, { recursive: true, force: true });
  await build(options);
  copyFileSync(join(here, "reference.json"), join(options.outdir, "reference.json"));
  // Beside each file its compressed self, which is what goes over the wire.
  for (const name of readdirSync(options.outdir)) {
    const file = join(options.outdir, name);
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
  }
}
