import { describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";

const SECTOR_BYTES = 512;
const folder = new Folder("pattern");

/** What a pattern should give; 64 KiB clusters unless said otherwise. */
function expected(pattern: 1 | 2, size: number, clusterBytes = 65_536): Buffer {
  const disk = Buffer.alloc(size);
  for (let at = 0; at < size; at += SECTOR_BYTES) {
    const isEven = Math.floor(at / clusterBytes) % 2 === 0;
    const isStamped = pattern === 1 ? isEven && at % clusterBytes === 0 : !isEven;
    if (isStamped) disk.writeBigUInt64BE(BigInt(at / SECTOR_BYTES), at);
  }
  return disk;
}

describe("pattern", () => {
  it.each([
    [1, "1M", []],
    [2, "1M", []],
    [1, "1000K", ["--cluster-size", "4K"]],
    [2, "1000K", ["--cluster-size", "4K"]],
    [2, "9M", []],
  ] as const)("%d of %s with %j has sectors that say their number", async (pattern, size, flags) => {
    const ran = await folder.qcow("pattern", "p.qcow2", "--size", size, "--pattern", `${pattern}`, ...flags);
    expect(ran).toEqual({ exitCode: 0, stdout: Buffer.alloc(0), stderr: "" });
    const bytes = { "1M": 1024 ** 2, "1000K": 1_024_000, "9M": 9 * 1024 ** 2 }[size];
    expectSame(await folder.disk("p.qcow2"), expected(pattern, bytes, flags.length > 0 ? 4096 : 65_536));
    expect(await folder.check("p.qcow2")).toBe(0);
  });

  it("1 is the default, and only every second cluster is stored", async () => {
    const info = await folder.json("pattern", "p1.qcow2", "--size", "1M");
    expect(info).toEqual(await folder.json("info", "p1.qcow2"));
    const mapped = (await folder.json("mapped", "p1.qcow2")) as { offset: number; length: number }[];
    expect(mapped).toEqual(
      Array.from({ length: 8 }, (_, index) => ({ offset: index * 131_072, length: 65_536 })),
    );
  });

  it("2 leaves the first of two clusters unmapped, and gives its space back", async () => {
    await folder.json("pattern", "p2.qcow2", "--size", "8M", "--pattern", "2");
    const mapped = (await folder.json("mapped", "p2.qcow2")) as { offset: number; length: number }[];
    expect(mapped).toHaveLength(64);
    expect(mapped[0]).toEqual({ offset: 65_536, length: 65_536 });
    if (process.platform === "linux") expect(folder.spaceOf("p2.qcow2")).toBeLessThan(5 * 1024 ** 2);
  });

  it("tells how far it is", async () => {
    const ran = await folder.qcow(
      "pattern",
      "p.qcow2",
      "--size",
      "16M",
      "--pattern",
      "2",
      "--progress-fd",
      "2",
    );
    const percents = [...ran.stderr.matchAll(/"progress": (\d+)/g)].map(([, percent]) => Number(percent));
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(percents).toContain(50);
    expect(percents.at(-1)).toBe(100);
  });

  it.each([
    [["p.qcow2"], "CLI_USAGE"],
    [["--size", "1M"], "CLI_USAGE"],
    [["p.qcow2", "--size", "1M", "--pattern", "3"], "CLI_USAGE"],
  ])("%j is a usage error", async (args, code) => {
    const ran = await folder.qcow("pattern", ...args);
    expect(ran.stderr).toContain(`(${code})`);
    expect(ran.exitCode).toBe(64);
  });

  it.skipIf(skipsQemu).each(["1", "2"])(
    "%s is clean for QEMU, which sees the same disk (needs qemu-img)",
    async (pattern) => {
      await folder.json("pattern", "q.qcow2", "--size", "5M", "--pattern", pattern);
      expect(isCleanForQemu(folder.path, "q.qcow2")).toBe(true);
      folder.put("q.raw", expected(pattern === "1" ? 1 : 2, 5 * 1024 ** 2));
      expect(qemuImg(folder.path, "compare", "-f", "raw", "-F", "qcow2", "q.raw", "q.qcow2")).toContain(
        "identical",
      );
    },
  );
});
