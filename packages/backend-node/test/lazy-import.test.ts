import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, it } from "vitest";

const built = new URL("../dist/index.js", import.meta.url);

it.skipIf(!existsSync(built))("importing the package loads neither node:zlib nor WebAssembly", () => {
  const script = `
    await import(${JSON.stringify(built.href)});
    const zlib = process.moduleLoadList.some((name) => / zlib$/.test(name));
    const { createRequire } = await import("node:module");
    const wasm = Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("zstd"));
    console.log(JSON.stringify({ zlib, wasm }));
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  expect(JSON.parse(output)).toEqual({ zlib: false, wasm: false });
});
