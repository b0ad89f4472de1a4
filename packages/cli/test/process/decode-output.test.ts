import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

// What may be lost by a decode: only an OUT that is no part of the image, once the image can be read.
const PRECIOUS = Buffer.from("precious");
const folders: string[] = [];
let cwd: string;
let data: Buffer;

/** Says the format too: a file that was only found to be qcow2 may name no data file. */
function qcow2Named(filename: string): string {
  return `json:${JSON.stringify({ driver: "qcow2", file: { driver: "file", filename } })}`;
}

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-decode-"));
  folders.push(cwd);
  const clusters = new Map([[0, filled(7)]]);
  data = Buffer.alloc(65536);
  data.set(filled(7), 0);
  const files = {
    "disk.qcow2": tinyImage({ clusters, dataFile: "disk.data" }),
    "disk.data": data,
    "overlay.qcow2": tinyImage({ backingFile: qcow2Named("disk.qcow2") }),
    "lost.qcow2": tinyImage({ clusters, dataFile: "lost.data" }),
    "over-lost.qcow2": tinyImage({ backingFile: qcow2Named("lost.qcow2") }),
    "escape.qcow2": tinyImage({ clusters, dataFile: "../../etc/passwd" }),
    "encrypted.qcow2": tinyImage({ clusters, encrypted: true }),
    "keep.raw": PRECIOUS,
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, name), bytes);
  linkSync(join(cwd, "disk.data"), join(cwd, "link.data"));
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe.each(["disk.qcow2", "overlay.qcow2"])("decode %s", (image) => {
  it.each(["disk.data", "./disk.data", "link.data"])(
    "refuses its data file, named %s, as the output",
    async (out) => {
      const ran = await runQcow(["decode", image, out], { cwd });
      expect(ran.stderr).toContain("(CLI_OUTPUT_IS_INPUT)");
      expect(ran.exitCode).toBe(1);
      expect(readFileSync(join(cwd, "disk.data"))).toEqual(data);
    },
  );

  it("reads the data file", async () => {
    expect((await runQcow(["decode", image, "keep.raw"], { cwd })).exitCode).toBe(0);
    expect(readFileSync(join(cwd, "keep.raw"))).toEqual(data);
  });
});

describe.each([
  ["encrypted.qcow2", "QCOW2_ENCRYPTED"],
  ["lost.qcow2", "BACKEND_NOT_FOUND"],
  ["over-lost.qcow2", "BACKEND_NOT_FOUND"],
  ["escape.qcow2", "CLI_REFERENCE_REFUSED"],
])("decode %s, which cannot be read", (image, code) => {
  it("leaves an output that exists as it is", async () => {
    const ran = await runQcow(["decode", image, "keep.raw"], { cwd });
    expect(ran.stderr).toContain(`(${code})`);
    expect(ran.stderr).not.toContain("incomplete");
    expect(ran.exitCode).toBe(1);
    expect(readFileSync(join(cwd, "keep.raw"))).toEqual(PRECIOUS);
  });

  it("makes none, and writes nothing to stdout", async () => {
    expect((await runQcow(["decode", image, "new.raw"], { cwd })).exitCode).toBe(1);
    expect(existsSync(join(cwd, "new.raw"))).toBe(false);
    expect((await runQcow(["decode", image, "-"], { cwd })).stdout.length).toBe(0);
  });
});
