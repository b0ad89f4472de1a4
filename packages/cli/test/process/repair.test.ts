// `repair` and `check --repair` as a user runs them.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Ran, runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-repair-"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const clusters = new Map([[0, filled(1)]]);

beforeEach(() => {
  writeFileSync(join(cwd, "sound.qcow2"), tinyImage({ clusters }));
  writeFileSync(join(cwd, "leak.qcow2"), tinyImage({ clusters, leak: true }));
  writeFileSync(join(cwd, "corrupt.qcow2"), tinyImage({ clusters, corrupt: true }));
  writeFileSync(join(cwd, "hopeless.qcow2"), hopeless());
});

/** An image whose L2 table lies past the end of the file, so that its clusters look leaked. */
function hopeless(): Uint8Array {
  const image = tinyImage({ clusters });
  new DataView(image.buffer).setBigUint64(3 * 4096, (1n << 40n) | (1n << 63n));
  return image;
}

const qcow = (...args: string[]): Promise<Ran> => runQcow(args, { cwd });
const bytesOf = (name: string): Buffer => readFileSync(join(cwd, name));

describe("check --repair", () => {
  it("leaks frees leaked clusters, says so, and ends with what the check afterwards finds", async () => {
    const ran = await qcow("check", "leak.qcow2", "--repair", "leaks");
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toBe("Leaked cluster 6 refcount=1 reference=0 (REFCOUNT_TOO_HIGH)\n");
    expect(ran.stdout.toString()).toMatch(
      /^The following inconsistencies were found and repaired:\n\n {4}1 leaked clusters\n {4}0 corruptions\n\nDouble checking the fixed image now\.\.\.\nNo errors were found on the image\.\n/,
    );
    expect((await qcow("check", "leak.qcow2")).exitCode).toBe(0);
  });

  it("leaks leaves an image alone whose refcounts must be rebuilt, with exit 1", async () => {
    const before = bytesOf("corrupt.qcow2");
    const ran = await qcow("check", "-r", "leaks", "corrupt.qcow2");
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/\(REFCOUNT_REBUILD_NEEDED\)\n$/);
    expect(bytesOf("corrupt.qcow2").equals(before)).toBe(true);
  });

  it("all --json has the keys of qemu-img", async () => {
    const ran = await qcow("check", "corrupt.qcow2", "-r", "all", "--json", "-q");
    expect(JSON.parse(ran.stdout.toString())).toEqual({
      filename: "corrupt.qcow2",
      format: "qcow2",
      "check-errors": 0,
      "image-end-offset": 24576,
      "total-clusters": 16,
      "allocated-clusters": 1,
      "corruptions-fixed": 1,
    });
    expect([ran.exitCode, ran.stderr]).toEqual([0, ""]);
  });

  it("takes leaks and all, and nothing else", async () => {
    expect((await qcow("check", "leak.qcow2", "--repair", "some")).exitCode).toBe(64);
  });
});

describe("repair", () => {
  it("changes nothing of a sound image", async () => {
    const before = bytesOf("sound.qcow2");
    const ran = await qcow("repair", "sound.qcow2");
    expect([ran.exitCode, ran.stderr]).toEqual([0, ""]);
    expect(ran.stdout.toString()).toMatch(/^No errors were found on the image\.\n/);
    expect(bytesOf("sound.qcow2").equals(before)).toBe(true);
  });

  it("mends what can be mended", async () => {
    expect((await qcow("repair", "corrupt.qcow2", "--unsafe-buffering")).exitCode).toBe(0);
    expect((await qcow("check", "corrupt.qcow2")).exitCode).toBe(0);
  });

  it("says what is left, and why leaks are", async () => {
    const ran = await qcow("repair", "hopeless.qcow2");
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("After the repair:\n");
    expect(ran.stderr).toMatch(/Leaked clusters may be what the damaged references meant: .+\n$/);
  });

  it("of a file that is no image ends with 63, and of one that is not there with 1", async () => {
    writeFileSync(join(cwd, "text"), "no image at all, but long enough to be one of them");
    expect((await qcow("repair", "text")).exitCode).toBe(63);
    expect((await qcow("repair", "nowhere.qcow2")).exitCode).toBe(1);
  });

  it("of an address that cannot be written is refused", async () => {
    const ran = await qcow("repair", "https://example.org/disk.qcow2");
    expect([ran.exitCode, ran.stdout.length]).toEqual([1, 0]);
    expect(ran.stderr).toMatch(/^qcow: .+ \([A-Z_]+\)\n/);
  });
});

const QEMU_IO = "qemu-io";
const hasQemu = spawnSync(QEMU_IO, ["--version"]).status === 0;

it.skipIf(!hasQemu)("an image that QEMU has open is not repaired (needs qemu-io)", async () => {
  const before = bytesOf("leak.qcow2");
  const holder = spawn(QEMU_IO, ["leak.qcow2"], { cwd, stdio: ["pipe", "pipe", "ignore"] });
  try {
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const ran = await qcow("repair", "leak.qcow2");
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain("(BACKEND_LOCKED)");
  } finally {
    holder.stdin.end();
    await new Promise((resolve) => holder.once("close", resolve));
  }
  expect(bytesOf("leak.qcow2").equals(before)).toBe(true);
});
