// Makes dist/direct.cjs, the bundle for the short way (src/direct.ts), out of what tsc made. Owns how
// packages are bundled; code-cache.cjs adds the compiled code.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { build } from "esbuild";
import { lazyRequires } from "./lazy-requires.mjs";
import { writeNotices } from "./notices.mjs";

// Not bundled: two read a .wasm file and native code from beside themselves, and the others are hardly ever wanted, while
// each start would read their text. Found by way of the packages that depend on them: strict package managers hide them from
// this one.
const BESIDE = {
  "@bokuweb/zstd-wasm": ["@qcow/cli-kit", "@qcow/backend-node"],
  koffi: ["@qcow/cli-kit", "@qcow/backend-node"],
  undici: ["@qcow/cli-kit"],
  "cli-spinners": ["@oclif/core"],
  ejs: ["@oclif/core"],
  lilconfig: ["@oclif/core"],
  minimatch: ["@oclif/core"],
  tinyglobby: ["@oclif/core"],
};

// What bin/load-direct.js calls. In the file itself: to put it around the text at each start would copy the text. As a script
// the file gives the function; as a module, whose `this` is what it exports, it exports it.
const BEFORE = "this.main = (function (exports, require, module, __filename, __dirname) {";
const AFTER = "\n})";

const besideOthers = {
  name: "beside-others",
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(${Object.keys(BESIDE).join("|")})$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: "beside" }));
    onLoad({ filter: /.*/, namespace: "beside" }, ({ path }) => ({
      contents: `const { createRequire } = require("node:module");
        const from = (file, name) => createRequire(file).resolve(name);
        const owner = ${JSON.stringify(BESIDE[path])}.reduce(from, __filename);
        module.exports = createRequire(owner)(${JSON.stringify(path)});`,
      loader: "js",
    }));
  },
};

export async function makeBundle(root) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["dist/direct.js"],
    outfile: "dist/direct.cjs",
    bundle: true,
    metafile: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20.19",
    minify: true,
    // The bundle is compiled as a vm.Script, where import() does not work.
    supported: { "dynamic-import": false },
    // oclif's own ways to load TypeScript sources and globs: never reached from a command.
    external: ["typescript", "tsx", "ts-node"],
    plugins: [lazyRequires(/@oclif[\\/]core[\\/]lib[\\/].*\.js$/), besideOthers],
    logLevel: "warning",
  });
  const [bundle] = outputFiles;
  const digest = createHash("sha256").update(bundle.contents).digest("hex").slice(0, 16);
  writeFileSync(bundle.path, `/*${digest}*/${BEFORE}${bundle.text}${AFTER}`);
  writeNotices(Object.keys(metafile.inputs), root);
}
