import { spawn } from "node:child_process";
import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { heldByQemu, isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";
import { PROGRAM, runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

const DISK_BYTES = 65536;
const folder = new Folder("write");
let disk: Buffer;

beforeEach(() => {
  disk = Buffer.alloc(DISK_BYTES);
  disk.set(filled(7), 4096);
  folder.put("disk.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]), size: DISK_BYTES }));
});

/** Runs `write`, with `stdin` if given. */
async function write(stdin: Uint8Array, ...args: string[]) {
  return await runQcow(["write", "disk.qcow2", ...args], {
    cwd: folder.path,
    stdin,
  });
}

describe("write", () => {
  it("puts a text at a sector, fills that with zeros and touches no other (S-0.1-3)", async () => {
    disk.fill(0, 4608, 5120).write("grüße", 4608);
    const ran = await folder.qcow("write", "disk.qcow2", "--sector", "9", "--text", "grüße");
    expect(ran).toEqual({ exitCode: 0, stdout: Buffer.alloc(0), stderr: "" });
    expectSame(await folder.disk("disk.qcow2"), disk);
    expect(await folder.check("disk.qcow2")).toBe(0);
  });

  it("puts a file at an offset, keeping the bytes of the sector before it", async () => {
    const bytes = Buffer.alloc(10_000, "0123456789");
    folder.put("bytes", bytes);
    const document = await folder.json("write", "disk.qcow2", "--offset", "4100", "--input", "bytes");
    expect(document).toEqual({ filename: "disk.qcow2", offset: 4100, bytes: 14_336 - 4100 });
    disk.fill(0, 4100, 14_336).set(bytes, 4100);
    expectSame(await folder.disk("disk.qcow2"), disk);
    expect(await folder.check("disk.qcow2")).toBe(0);
  });

  it("puts what comes on stdin", async () => {
    const bytes = Buffer.alloc(DISK_BYTES, "abc");
    expect((await write(bytes, "--input", "-")).exitCode).toBe(0);
    expectSame(await folder.disk("disk.qcow2"), bytes);
  });

  it("writes nothing of an empty text", async () => {
    const document = await folder.json("write", "disk.qcow2", "--text", "");
    expect(document).toEqual({ filename: "disk.qcow2", offset: 0, bytes: 0 });
    expectSame(await folder.disk("disk.qcow2"), disk);
  });

  it.each([
    ["--sector", "128", "--text", "x"],
    ["--offset", "65000", "--input", "long"],
    ["--offset", "1P", "--text", "x"],
  ])("refuses %s %s %s %s, which goes past the end, before anything is written (D6)", async (...args) => {
    folder.put("long", Buffer.alloc(1000, 1));
    const before = folder.get("disk.qcow2");
    const ran = await folder.qcow("write", "disk.qcow2", ...args);
    expect(ran.stderr).toMatch(/past the end of the disk.*nothing was written \(QCOW2_OUT_OF_RANGE\)/);
    expect(ran.exitCode).toBe(1);
    expectSame(folder.get("disk.qcow2"), before);
  });

  it("ends where stdin goes past the end, and says what it has written", async () => {
    folder.put("big.qcow2", tinyImage({ size: 1.5 * 1024 * 1024 }));
    const ran = await runQcow(["write", "big.qcow2", "--input", "-"], {
      cwd: folder.path,
      stdin: Buffer.alloc(2 * 1024 * 1024, 1),
    });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain("the 1048576 bytes before them were written (QCOW2_OUT_OF_RANGE)");
    expect(await folder.check("big.qcow2")).toBe(0);
  });

  it("copies over what a backing file has", async () => {
    folder.put("base.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]), size: DISK_BYTES }));
    folder.put("disk.qcow2", tinyImage({ size: DISK_BYTES, backingFile: "base.qcow2" }));
    const base = folder.get("base.qcow2");
    await folder.json("write", "disk.qcow2", "--sector", "9", "--text", "x");
    disk.fill(0, 4608, 5120).write("x", 4608);
    expectSame(await folder.disk("disk.qcow2"), disk);
    expectSame(folder.get("base.qcow2"), base);
  });

  it("writes to a data file in the image's folder, and to no other", async () => {
    folder.put("disk.raw", disk);
    folder.put("disk.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]), dataFile: "disk.raw" }));
    await folder.json("write", "disk.qcow2", "--sector", "8", "--text", "there");
    expect(folder.get("disk.raw").subarray(4096, 4102).toString()).toBe("there\0");
    expect(await folder.check("disk.qcow2")).toBe(0);
    folder.put("disk.qcow2", tinyImage({ dataFile: "../../disk.raw" }));
    const ran = await folder.qcow("write", "disk.qcow2", "--text", "x");
    expect(ran.stderr).toContain("(CLI_REFERENCE_REFUSED)");
    expect(ran.exitCode).toBe(1);
  });
});

describe("write refuses", () => {
  it.each([
    [["disk.qcow2"], 64, "CLI_USAGE"],
    [["disk.qcow2", "--text", "a", "--input", "b"], 64, "CLI_USAGE"],
    [["disk.qcow2", "--text", "a", "--sector", "1", "--offset", "512"], 64, "CLI_USAGE"],
    [["disk.qcow2", "--text", "a", "--sector", "-1"], 64, "CLI_USAGE"],
    [["disk.qcow2", "--input", "missing"], 1, "BACKEND_NOT_FOUND"],
    [["disk.qcow2", "--input", "disk.qcow2"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["missing.qcow2", "--text", "a"], 1, "BACKEND_NOT_FOUND"],
    [["https://host/disk.qcow2", "--text", "a"], 1, "CLI_READ_ONLY_ADDRESS"],
    [["noise", "--text", "a"], 1, "QCOW2_BAD_MAGIC"],
  ])("%j: exit %d, %s", async (args, exitCode, code) => {
    folder.put("noise", filled(9));
    const before = folder.get("disk.qcow2");
    const ran = await folder.qcow("write", ...args);
    expect(ran.stderr).toContain(`(${code})`);
    expect(ran.exitCode).toBe(exitCode);
    expectSame(folder.get("disk.qcow2"), before);
  });

  it("an image that is marked corrupt, and says what helps", async () => {
    const image = tinyImage();
    image[79] = 2;
    folder.put("disk.qcow2", image);
    const ran = await folder.qcow("write", "disk.qcow2", "--text", "a");
    expect(ran.stderr).toMatch(/\(QCOW2_CORRUPT\)\n.*qcow repair/);
    expect(ran.exitCode).toBe(1);
    expectSame(folder.get("disk.qcow2"), Buffer.from(image));
  });

  it.skipIf(skipsQemu || process.platform !== "linux")(
    "an image that QEMU has open, at once, and lets QEMU have none that it has (S-0.10.5-1) (needs qemu-img)",
    async () => {
      {
        await using _held = await heldByQemu(folder.path, "disk.qcow2");
        const ran = await folder.qcow("write", "disk.qcow2", "--text", "a");
        expect(ran.stderr).toContain("(BACKEND_LOCKED)");
        expect(ran.exitCode).toBe(1);
        expect((await folder.qcow("check", "disk.qcow2")).exitCode).toBe(0);
      }
      const ours = spawn(process.execPath, [PROGRAM, "write", "disk.qcow2", "--input", "-", "--trace"], {
        cwd: folder.path,
        stdio: ["pipe", "ignore", "pipe"],
      });
      await once(ours.stderr, "data");
      expect(() => qemuImg(folder.path, "resize", "disk.qcow2", "1M")).toThrow(/lock/);
      const other = await folder.qcow("write", "disk.qcow2", "--text", "a");
      expect(other.stderr).toContain("(BACKEND_LOCKED)");
      ours.stdin.end("done");
      expect(await once(ours, "exit")).toEqual([0, null]);
      expect((await folder.disk("disk.qcow2")).toString("latin1", 0, 5)).toBe("done\0");
    },
  );
});

describe("write, with QEMU as the judge", () => {
  it.skipIf(skipsQemu).each([
    ["plain", []],
    ["lazy", ["-o", "lazy_refcounts=on"]],
    ["old", ["-o", "compat=0.10"]],
    ["subclusters", ["-o", "extended_l2=on,cluster_size=64k"]],
    ["small", ["-o", "cluster_size=512,refcount_bits=1"]],
  ])("%s: the same bytes, and a clean image (S-0.2-2) (needs qemu-img)", async (name, options) => {
    const image = `${name}.qcow2`;
    qemuImg(folder.path, "create", "-q", "-f", "qcow2", ...options, image, "8M");
    const expected = Buffer.alloc(8 * 1024 * 1024);
    for (const [offset, length] of [
      [0, 1],
      [100_000, 3_000_000],
      [65_536 * 3, 65_536],
      [8 * 1024 * 1024 - 4096, 4096],
    ] as const) {
      const bytes = Buffer.alloc(length, `${offset} `);
      folder.put("bytes", bytes);
      expected.fill(0, offset, Math.ceil((offset + length) / 512) * 512).set(bytes, offset);
      await folder.json("write", image, "--offset", String(offset), "--input", "bytes");
      expect(isCleanForQemu(folder.path, image)).toBe(true);
    }
    folder.put("expected.raw", expected);
    expect(qemuImg(folder.path, "compare", "-f", "raw", "-F", "qcow2", "expected.raw", image)).toContain(
      "identical",
    );
  });
});

it.skipIf(process.platform === "win32")(
  "write that is interrupted ends with 130 and a sound image",
  async () => {
    folder.put("big.qcow2", tinyImage({ size: 2 * 1024 * 1024 }));
    const child = spawn(process.execPath, [PROGRAM, "write", "big.qcow2", "--input", "-", "--trace"], {
      cwd: folder.path,
      stdio: ["pipe", "ignore", "pipe"],
    });
    child.stdin.write(Buffer.alloc(1024 * 1024, 1));
    // The first megabyte is being written; the rest never comes.
    for await (const text of child.stderr) if (String(text).includes("BLOCK.write")) break;
    child.stderr.resume();
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(await folder.check("big.qcow2")).toBe(0);
  },
);
