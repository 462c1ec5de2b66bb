// Bundles src/ into dist/keyface.js; with --check it only compares, for what is committed must be what is built.
import { readFileSync } from "node:fs"
import { build } from "esbuild"

const { outputFiles } = await build({
  entryPoints: ["src/keyface.ts"],
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  sourcemap: "linked",
  sourcesContent: true,
  external: ["/scripts/*"],
  loader: { ".css": "text" },
  banner: { js: "// Built from web/src by `npm run build`; change it there." },
  write: false,
})

const { writeFileSync } = await import("node:fs")
for (const { path, contents } of outputFiles) {
  if (!process.argv.includes("--check")) {
    writeFileSync(path, contents)
  } else if (!readFileSync(path).equals(Buffer.from(contents))) {
    console.error(`${path} is not what web/src builds; run npm run build`)
    process.exitCode = 1
  }
}
