import { describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";
import { runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

const folder = new Folder("discard");
const MIB = 1024 * 1024;

describe("discard", () => {
  it("releases zeros, the last run too, and says how many bytes (S-0.6.0-3, S-0.7.2-1)", async () => {
    const clusters = new Map([0, 3, 4, 14, 15].map((cluster) => [cluster, filled(cluster === 3 ? 1 : 0)]));
    folder.put("disk.qcow2", tinyImage({ clusters, size: 65_536 }));
    const before = await folder.disk("disk.qcow2");
    const { length } = folder.get("disk.qcow2");
    const ran = await folder.qcow("discard", "disk.qcow2");
    expect({ ...ran, stdout: ran.stdout.toString() }).toEqual({
      exitCode: 0,
      stdout: "Released 16 KiB (16384 bytes).\n",
      stderr: "",
    });
    expectSame(await folder.disk("disk.qcow2"), before);
    expect(await folder.json("mapped", "disk.qcow2")).toEqual([{ offset: 12_288, length: 4096 }]);
    expect(await folder.check("disk.qcow2")).toBe(0);
    expect(folder.get("disk.qcow2").length).toBeLessThan(length);
    expect((await folder.qcow("discard", "disk.qcow2")).stdout.toString()).toBe(
      "There was nothing to release.\n",
    );
    expect(await folder.json("discard", "disk.qcow2", "--unsafe-buffering")).toEqual({
      filename: "disk.qcow2",
      "discarded-bytes": 0,
    });
  });

  it("does not show what a backing file has below the zeros", async () => {
    folder.put("base.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]), size: 65_536 }));
    const clusters = new Map([[1, filled(0)]]);
    folder.put("over.qcow2", tinyImage({ clusters, size: 65_536, backingFile: "base.qcow2" }));
    expect(await folder.json("discard", "over.qcow2")).toMatchObject({ "discarded-bytes": 4096 });
    expectSame(await folder.disk("over.qcow2"), Buffer.alloc(65_536));
  });

  it("flushes, unless --unsafe-buffering says not to", async () => {
    const image = tinyImage({ clusters: new Map([[1, filled(0)]]), size: 65_536 });
    for (const [args, flushes] of [
      [[], true],
      [["--unsafe-buffering"], false],
    ] as const) {
      folder.put("disk.qcow2", image);
      const ran = await folder.qcow("discard", "disk.qcow2", "--trace", ...args);
      expect(ran.exitCode).toBe(0);
      expect(ran.stderr.includes("BLOCK.flush")).toBe(flushes);
    }
  });

  it.skipIf(skipsQemu || process.platform !== "linux").each([
    ["plain", 6 * MIB, ["-O", "qcow2", "-S", "0"]],
    ["small, with tables at its end", 0, ["-O", "qcow2", "-S", "0", "-o", "cluster_size=4k"]],
    ["subclusters", 6 * MIB, ["-O", "qcow2", "-S", "0", "-o", "extended_l2=on"]],
  ])(
    "%s: both the length and the space go down, and QEMU sees the same disk (needs qemu-img)",
    async (name, cut, options) => {
      const raw = Buffer.alloc(16 * MIB);
      for (const at of [0, 5, 9]) raw.fill(at + 1, at * MIB, at * MIB + 300_000);
      folder.put("disk.raw", raw);
      const image = `${name.slice(0, 5)}.qcow2`;
      qemuImg(folder.path, "convert", ...options, "disk.raw", image);
      const before = { length: folder.get(image).length, space: folder.spaceOf(image) };
      const document = await folder.json("discard", image);
      const { "discarded-bytes": bytes } = document as { "discarded-bytes": number };
      expect(bytes).toBeGreaterThan(14 * MIB);
      expect(folder.get(image).length).toBeLessThanOrEqual(before.length - cut);
      expect(folder.spaceOf(image)).toBeLessThan(before.space - bytes + 65_536);
      expect(isCleanForQemu(folder.path, image)).toBe(true);
      expect(qemuImg(folder.path, "compare", "disk.raw", image)).toContain("identical");
    },
  );

  it.skipIf(skipsQemu)("releases compressed zeros (needs qemu-img)", async () => {
    folder.put("zero.raw", Buffer.concat([Buffer.alloc(65_536, 1), Buffer.alloc(8 * 65_536)]));
    qemuImg(folder.path, "convert", "-c", "-S", "0", "-O", "qcow2", "zero.raw", "packed.qcow2");
    expect(await folder.json("discard", "packed.qcow2")).toMatchObject({ "discarded-bytes": 8 * 65_536 });
    expect(isCleanForQemu(folder.path, "packed.qcow2")).toBe(true);
    expect(qemuImg(folder.path, "compare", "zero.raw", "packed.qcow2")).toContain("identical");
  });

  it.skipIf(skipsQemu)(
    "after a repair of a lazy image, QEMU finds nothing wrong (S-0.7.2-2) (needs qemu-img)",
    async () => {
      folder.put("disk.raw", Buffer.concat([Buffer.alloc(MIB), Buffer.alloc(MIB, 5)]));
      qemuImg(
        folder.path,
        "convert",
        "-S",
        "0",
        "-O",
        "qcow2",
        "-o",
        "lazy_refcounts=on",
        "disk.raw",
        "lazy.qcow2",
      );
      expect(await folder.json("discard", "lazy.qcow2")).toMatchObject({ "discarded-bytes": MIB });
      expect(isCleanForQemu(folder.path, "lazy.qcow2")).toBe(true);
      expect((await folder.qcow("repair", "lazy.qcow2")).exitCode).toBe(0);
      expect(isCleanForQemu(folder.path, "lazy.qcow2")).toBe(true);
    },
  );
});

it.skipIf(process.platform === "win32")(
  "discard that is interrupted ends with 130 and the same disk",
  async () => {
    const size = 512 * 4096;
    const clusters = new Map(
      Array.from({ length: 512 }, (_, index) => [index, filled(index % 2 === 0 ? 0 : 1 + (index % 255))]),
    );
    folder.put("big.qcow2", tinyImage({ clusters, size }));
    const before = await folder.disk("big.qcow2");
    const ran = await runQcow(["discard", "big.qcow2", "--trace"], {
      cwd: folder.path,
      onStart: (child) => child.stderr?.once("data", () => child.kill("SIGTERM")),
    });
    expect(ran.exitCode).toBe(130);
    expectSame(await folder.disk("big.qcow2"), before);
    expect(await folder.check("big.qcow2")).toBe(0);
  },
);
