import { existsSync, linkSync, truncateSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { heldByQemu, isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";
import { runQcow } from "./run-qcow.js";
import { tinyImage } from "./tiny-image.js";

const MIB = 1024 * 1024;
const folder = new Folder("encode");
const raw = Buffer.alloc(3 * MIB + 700);
raw.fill("first ", 0, 10_000);
raw.fill(7, 1_000_000, 1_200_000);
raw.fill("last", 3 * MIB);

beforeEach(() => {
  folder.put("disk.raw", raw);
});

/** The disk as an image has it: whole sectors. */
function padded(bytes: Buffer, length = Math.ceil(bytes.length / 512) * 512): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
}

describe("encode", () => {
  it("takes RAW and OUT in this order; RAW stays as it is (S-0.12.0-2, S-0.1-3)", async () => {
    const ran = await folder.qcow("encode", "disk.raw", "disk.qcow2");
    expect(ran).toEqual({ exitCode: 0, stdout: Buffer.alloc(0), stderr: "" });
    expectSame(folder.get("disk.raw"), raw);
    expectSame(await folder.disk("disk.qcow2"), padded(raw));
    expect(await folder.check("disk.qcow2")).toBe(0);
    // Data, 5 clusters of header and tables, and nothing for zeros.
    expect(folder.get("disk.qcow2").length).toBeLessThan(12 * 65_536);
  });

  it("tells what it made, as info does", async () => {
    const document = await folder.json("encode", "disk.raw", "told.qcow2", "--cluster-size", "4K");
    expect(document).toEqual(await folder.json("info", "told.qcow2"));
    expect(document).toMatchObject({ "virtual-size": padded(raw).length, "cluster-size": 4096 });
  });

  it.each([
    ["--compress"],
    ["--compress", "--compression-type", "zstd"],
    ["-c", "--cluster-size", "4K"],
    ["--cluster-size", "2M"],
    ["--compat", "0.10"],
    ["--extended-l2", "--strict-refcounts"],
    ["--refcount-bits", "1"],
    ["--preallocation", "metadata"],
    ["--data-file", "disk.data"],
    ["--data-file", "raw.data", "--data-file-raw"],
  ])("with %s %s %s the disk is RAW", async (...flags) => {
    const words = flags.filter((word) => word !== undefined);
    const ran = await folder.qcow("encode", ...words, "disk.raw", "disk.qcow2");
    expect(ran.stderr).toBe("");
    expectSame(await folder.disk("disk.qcow2"), padded(raw));
    expect(await folder.check("disk.qcow2")).toBe(0);
    if (words.includes("--data-file-raw")) expectSame(folder.get("raw.data"), padded(raw));
  });

  it("--size makes the disk longer than RAW, with zeros also where a backing file has something", async () => {
    folder.put("base.raw", Buffer.alloc(8 * MIB, 9));
    const flags = ["--size", "6M", "-b", "base.raw", "-F", "raw"];
    expect((await folder.qcow("encode", "disk.raw", "over.qcow2", ...flags)).stderr).toBe("");
    expectSame(await folder.disk("over.qcow2"), padded(raw, 6 * MIB));
    expect(await folder.check("over.qcow2")).toBe(0);
  });

  it("makes a disk of nothing from a file of nothing", async () => {
    folder.put("empty.raw", Buffer.alloc(0));
    expect(await folder.json("encode", "empty.raw", "empty.qcow2")).toMatchObject({ "virtual-size": 0 });
    expect(await folder.check("empty.qcow2")).toBe(0);
  });

  it("replaces what OUT held, all of it", async () => {
    folder.put("old.qcow2", Buffer.alloc(5 * MIB, 1));
    await folder.json("encode", "disk.raw", "old.qcow2");
    expectSame(await folder.disk("old.qcow2"), padded(raw));
    expect(folder.get("old.qcow2").length).toBeLessThan(MIB);
  });

  it("does not read holes", async () => {
    folder.put("sparse.raw", Buffer.from("head"));
    truncateSync(folder.at("sparse.raw"), 2 ** 40);
    const ran = await folder.qcow("encode", "sparse.raw", "sparse.qcow2");
    expect(ran.exitCode).toBe(0);
    expect(folder.get("sparse.qcow2").length).toBeLessThan(8 * 65_536);
    const head = await folder.qcow("read", "sparse.qcow2", "--bytes", "4");
    expect(head.stdout.toString()).toBe("head");
  });
});

describe("encode refuses", () => {
  it.each([
    [["disk.raw", "disk.raw"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["disk.raw", "./link.raw"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["disk.raw", "keep.qcow2", "--data-file", "disk.raw"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["disk.raw", "keep.qcow2", "-b", "disk.raw", "-F", "raw"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["disk.raw", "keep.qcow2", "-b", "keep.qcow2", "-F", "qcow2"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["disk.raw", "keep.qcow2", "-b", "../base.raw", "-F", "raw"], 1, "BACKEND_NOT_FOUND"],
    [["disk.raw", "keep.qcow2", "-b", "/dev/null", "-F", "raw"], 1, "BACKEND_UNSUITABLE"],
    [["missing.raw", "keep.qcow2"], 1, "BACKEND_NOT_FOUND"],
    [["disk.raw", "keep.qcow2", "--size", "1M"], 64, "CLI_USAGE"],
    [["disk.raw", "keep.qcow2", "--cluster-size", "1000"], 1, "QCOW2_BAD_OPTION"],
    [["disk.raw", "keep.qcow2", "--compat", "0.10", "--extended-l2"], 1, "QCOW2_BAD_OPTION"],
    [["disk.raw", "https://host/disk.qcow2"], 1, "CLI_READ_ONLY_ADDRESS"],
    [["-", "keep.qcow2", "--data-file", "x"], 64, "CLI_USAGE"],
    [["-", "keep.qcow2", "--size", "1K", "--cluster-size", "1000"], 1, "QCOW2_BAD_OPTION"],
    [["disk.raw", "keep.qcow2", "--layout", "guest-order", "--preallocation", "falloc"], 64, "CLI_USAGE"],
    [["disk.raw", "keep.qcow2", "--one-pass"], 64, "CLI_USAGE"],
    [["disk.raw", "link.raw", "--layout", "guest-order"], 1, "CLI_OUTPUT_IS_INPUT"],
    [["disk.raw", "-", "--json"], 64, "CLI_USAGE"],
    [["disk.raw"], 64, "CLI_USAGE"],
  ])("%j: exit %d, %s, and OUT stays as it is", async (args, exitCode, code) => {
    folder.put("keep.qcow2", tinyImage());
    if (!existsSync(folder.at("link.raw"))) linkSync(folder.at("disk.raw"), folder.at("link.raw"));
    const ran = await folder.qcow("encode", ...args);
    expect(ran.stderr).toContain(`(${code})`);
    expect(ran.stderr).not.toContain("incomplete");
    expect(ran.exitCode).toBe(exitCode);
    expectSame(folder.get("keep.qcow2"), Buffer.from(tinyImage()));
    expectSame(folder.get("disk.raw"), raw);
  });

  it.skipIf(skipsQemu || process.platform !== "linux")(
    "an OUT that QEMU has open, which stays as it is (S-0.10.5-1) (needs qemu-img)",
    async () => {
      folder.put("held.qcow2", tinyImage());
      await using _held = await heldByQemu(folder.path, "held.qcow2");
      const ran = await folder.qcow("encode", "disk.raw", "held.qcow2");
      expect(ran.stderr).toContain("(BACKEND_LOCKED)");
      expect(ran.exitCode).toBe(1);
      expectSame(folder.get("held.qcow2"), Buffer.from(tinyImage()));
    },
  );
});

describe("encode, with QEMU as the judge", () => {
  it
    .skipIf(skipsQemu)
    .each([
      [],
      ["--compress"],
      ["--cluster-size", "512", "--strict-refcounts"],
      ["--extended-l2", "--cluster-size", "16K"],
    ])("with %s %s %s: the same disk, and clean (S-0.2-1, S-0.2-2) (needs qemu-img)", async (...flags) => {
    const words = flags.filter((word) => word !== undefined);
    expect((await folder.qcow("encode", "disk.raw", "judged.qcow2", ...words)).stderr).toBe("");
    expect(isCleanForQemu(folder.path, "judged.qcow2")).toBe(true);
    expect(qemuImg(folder.path, "compare", "-f", "raw", "-F", "qcow2", "disk.raw", "judged.qcow2")).toContain(
      "identical",
    );
    expect(JSON.parse(qemuImg(folder.path, "info", "--output=json", "judged.qcow2"))).toMatchObject({
      "virtual-size": padded(raw).length,
      "dirty-flag": false,
      "format-specific": { data: { compat: "1.1", "lazy-refcounts": !words.includes("--strict-refcounts") } },
    });
  });
});

describe.skipIf(process.platform === "win32")("encode that is interrupted", () => {
  const big = Buffer.alloc(64 * MIB, "not zero");

  async function interrupt(out: string) {
    folder.put("big.raw", big);
    return await runQcow(["encode", "big.raw", out, "--progress-fd", "2"], {
      cwd: folder.path,
      onStart: (child) => child.stderr?.once("data", () => child.kill("SIGINT")),
    });
  }

  it("ends with 130 and removes the OUT that it made", async () => {
    const ran = await interrupt("new.qcow2");
    expect(ran.stderr).toContain("The incomplete new.qcow2 was removed.");
    expect(ran.exitCode).toBe(130);
    expect(existsSync(folder.at("new.qcow2"))).toBe(false);
  });

  it("leaves a sound image of a part in an OUT that was there", async () => {
    folder.put("old.qcow2", tinyImage());
    const ran = await interrupt("old.qcow2");
    expect(ran.stderr).toContain("old.qcow2 is incomplete.");
    expect(ran.exitCode).toBe(130);
    expect(await folder.check("old.qcow2")).toBe(0);
    const disk = await folder.disk("old.qcow2");
    expect(disk.length).toBe(big.length);
    for (let at = 0; at < disk.length; at += 65_536) {
      const part = disk.subarray(at, at + 65_536);
      expect(part.equals(big.subarray(at, at + 65_536)) || part.equals(Buffer.alloc(65_536))).toBe(true);
    }
  });
});

it.skipIf(process.platform === "win32")(
  "encode onto a full disk fails, and removes what it made",
  async () => {
    // A limit of 64 KiB on file sizes; SIGXFSZ is ignored by Node.js, so the write fails.
    const { execFileSync } = await import("node:child_process");
    const { PROGRAM } = await import("./run-qcow.js");
    const script = `ulimit -f 1024; "$0" "$1" encode disk.raw full.qcow2 2>&1; echo "exit $?"`;
    folder.put("disk.raw", Buffer.alloc(4 * MIB, 1));
    const out = execFileSync("sh", ["-c", script, process.execPath, PROGRAM], {
      cwd: folder.path,
      encoding: "utf8",
    });
    expect(out).toMatch(/The incomplete full\.qcow2 was removed\./);
    expect(out).toContain("(BACKEND_IO)");
    expect(out).toContain("exit 1");
    expect(existsSync(folder.at("full.qcow2"))).toBe(false);
  },
);
