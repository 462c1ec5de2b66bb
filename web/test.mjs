// Runs test/*.test.ts with Node's own test runner.
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "esbuild"

const out = mkdtempSync(join(tmpdir(), "keyface-test-"))
const names = readdirSync("test").filter((name) => name.endsWith(".test.ts"))
await build({
  entryPoints: names.map((name) => `test/${name}`),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  sourcemap: "inline",
  loader: { ".css": "text" },
})
const files = names.map((name) => join(out, name.replace(/\.ts$/, ".mjs")))
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" })
rmSync(out, { recursive: true })
process.exitCode = status ?? 1
