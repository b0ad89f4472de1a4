import { beforeEach, describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";
import { filled, tinyImage } from "./tiny-image.js";

const DISK_BYTES = 65536;
const folder = new Folder("resize");
let disk: Buffer;

beforeEach(() => {
  disk = Buffer.alloc(DISK_BYTES);
  const clusters = new Map([0, 3, 15].map((cluster) => [cluster, filled(cluster + 1)]));
  for (const [cluster, bytes] of clusters) disk.set(bytes, cluster * 4096);
  folder.put("disk.qcow2", tinyImage({ clusters, size: DISK_BYTES }));
});

async function sizeOf(image: string): Promise<number> {
  const info = (await folder.json("info", image)) as { "virtual-size": number };
  return info["virtual-size"];
}

describe("resize", () => {
  it.each([
    [["--size", "100000"], 100_352],
    [["--size", "1M"], 1024 ** 2],
    [["--size=+64K"], 131_072],
    [["1GiB"], 1024 ** 3],
    [["+1T"], 1024 ** 4 + DISK_BYTES],
  ])("%j makes it longer, with zeros (S-0.5.0-1, S-0.5.0-2)", async (args, size) => {
    const ran = await folder.qcow("resize", "disk.qcow2", ...args);
    expect({ ...ran, stdout: "" }).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(ran.stdout.toString()).toMatch(new RegExp(`^virtual size: .* \\(${size} bytes\\)\\n$`));
    expect(await sizeOf("disk.qcow2")).toBe(size);
    const start = await folder.qcow("read", "disk.qcow2", "--offset", "0", "--bytes", "100000");
    expectSame(start.stdout, Buffer.concat([disk, Buffer.alloc(100_000 - DISK_BYTES)]));
    expect(await folder.check("disk.qcow2")).toBe(0);
  });

  it("says in its document what was and what is", async () => {
    expect(await folder.json("resize", "disk.qcow2", "--size", "+512")).toEqual({
      filename: "disk.qcow2",
      "virtual-size": DISK_BYTES + 512,
      "old-virtual-size": DISK_BYTES,
    });
  });

  it.each([[["--size", "16K"]], [["--size", "-48K"]], [["--size=-48K"]], [["-48K"]], [["16384"]]])(
    "%j is refused: both sizes, and the flag",
    async (args) => {
      const before = folder.get("disk.qcow2");
      const ran = await folder.qcow("resize", "disk.qcow2", ...args);
      expect(ran.stderr).toMatch(/65536 bytes.* 16384 bytes .*\(QCOW2_DATA_LOSS\)\n.*--shrink/);
      expect(ran.exitCode).toBe(1);
      expectSame(folder.get("disk.qcow2"), before);
    },
  );

  it.each([
    [["--size", "-48K", "--shrink"]],
    [["--shrink", "-48K"]],
    [["--size=16K", "--ignore-data-loss"]],
    [["--ignore-data-loss", "--", "-48K"]],
  ])("%j makes it shorter and frees what it loses", async (args) => {
    const end = args.indexOf("--");
    const words = end === -1 ? ["disk.qcow2", ...args] : [...args.slice(0, end + 1), "disk.qcow2", "-48K"];
    const ran = await folder.qcow("resize", ...words);
    expect(ran.stderr).toBe("");
    expect(await sizeOf("disk.qcow2")).toBe(16_384);
    expectSame(await folder.disk("disk.qcow2"), disk.subarray(0, 16_384));
    expect(await folder.check("disk.qcow2")).toBe(0);
    expect((await folder.qcow("resize", "disk.qcow2", "64K")).exitCode).toBe(0);
    expect((await folder.disk("disk.qcow2")).subarray(16_384).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    [["disk.qcow2"]],
    [["disk.qcow2", "1G", "--size", "1G"]],
    [["disk.qcow2", "--size", "much"]],
    [["disk.qcow2", "--size", "-1G", "--shrink"]],
    [["disk.qcow2", "+"]],
    [["disk.qcow2", "1.5"]],
  ])("%j is a usage error", async (args) => {
    const before = folder.get("disk.qcow2");
    const ran = await folder.qcow("resize", ...args);
    expect(ran.stderr).toContain("(CLI_USAGE)");
    expect(ran.exitCode).toBe(64);
    expectSame(folder.get("disk.qcow2"), before);
  });

  it("past what the format can say is refused", async () => {
    const ran = await folder.qcow("resize", "disk.qcow2", "4P");
    expect(ran.stderr).toContain("(QCOW2_IMAGE_TOO_LARGE)");
    expect(ran.exitCode).toBe(1);
  });

  it.skipIf(skipsQemu).each([
    ["1M", "1G"],
    ["1M", "5T"],
    ["1G", "1T"],
    ["1T", "6T"],
  ])("from %s to %s and back is what QEMU expects (needs qemu-img)", async (small, large) => {
    qemuImg(folder.path, "create", "-q", "-f", "qcow2", "q.qcow2", small);
    await folder.json("write", "q.qcow2", "--text", "first");
    await folder.json("resize", "q.qcow2", large);
    const last = (await sizeOf("q.qcow2")) - 512;
    await folder.json("write", "q.qcow2", "--offset", String(last), "--text", "last");
    expect(isCleanForQemu(folder.path, "q.qcow2")).toBe(true);
    expect(JSON.parse(qemuImg(folder.path, "info", "--output=json", "q.qcow2"))).toMatchObject({
      "virtual-size": last + 512,
    });
    const tail = await folder.qcow("read", "q.qcow2", "--offset", String(last), "--bytes", "4");
    expect(tail.stdout.toString()).toBe("last");
    await folder.json("resize", "q.qcow2", small, "--shrink");
    expect(isCleanForQemu(folder.path, "q.qcow2")).toBe(true);
    const head = await folder.qcow("read", "q.qcow2", "--offset", "0", "--bytes", "5");
    expect(head.stdout.toString()).toBe("first");
  });
});
