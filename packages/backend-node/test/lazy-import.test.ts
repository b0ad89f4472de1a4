import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const built = new URL("../dist/index.js", import.meta.url);

it.skipIf(!existsSync(built))(
  "importing the package, and plain reading, load neither node:zlib, WebAssembly nor koffi",
  () => {
    const script = `
    const { openReadable } = await import(${JSON.stringify(built.href)});
    await (await openReadable(${JSON.stringify(fileURLToPath(built))})).close();
    const zlib = process.moduleLoadList.some((name) => / zlib$/.test(name));
    const { createRequire } = await import("node:module");
    const wasm = Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("zstd"));
    const koffi = process.report.getReport().sharedObjects.some((path) => path.includes("koffi"));
    console.log(JSON.stringify({ zlib, wasm, koffi }));
  `;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toEqual({ zlib: false, wasm: false, koffi: false });
  },
);
