// Makes dist/direct.cjs, the bundle for the short way (src/direct.ts), out of what tsc made. Owns how
// packages are bundled; code-cache.cjs adds the compiled code.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { build } from "esbuild";
import { lazyRequires } from "./lazy-requires.mjs";
import { writeNotices } from "./notices.mjs";

// Found from the package that depends on them: strict package managers hide them from this one. They cannot be
// bundled, because they read a .wasm file and native code from beside themselves.
const besideBackend = {
  name: "beside-backend",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(@bokuweb\/zstd-wasm|koffi)$/ }, ({ path }) => ({ path, namespace: "beside" }));
    onLoad({ filter: /.*/, namespace: "beside" }, ({ path }) => ({
      contents: `const { createRequire } = require("node:module");
        const from = (file, name) => createRequire(file).resolve(name);
        const backend = from(from(__filename, "@qcow/cli-kit"), "@qcow/backend-node");
        module.exports = createRequire(backend)(${JSON.stringify(path)});`,
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
    plugins: [lazyRequires(/@oclif[\\/]core[\\/]lib[\\/].*\.js$/), besideBackend],
    logLevel: "warning",
  });
  const [bundle] = outputFiles;
  const digest = createHash("sha256").update(bundle.contents).digest("hex").slice(0, 16);
  writeFileSync(bundle.path, `/*${digest}*/${bundle.text}`);
  writeNotices(Object.keys(metafile.inputs), root);
}
