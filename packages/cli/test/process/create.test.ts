import { existsSync, rmSync, symlinkSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { Folder } from "./folder.js";
import { heldByQemu, isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";
import { filled, tinyImage } from "./tiny-image.js";

const folder = new Folder("create");
const MiB = 1024 ** 2;
const BASE_BYTES = 65_536;
const has = (name: string): boolean => existsSync(folder.at(name));
const remove = (name: string): void => rmSync(folder.at(name), { force: true });

beforeEach(() => {
  for (const name of ["disk.qcow2", "data.raw", "old.qcow2"]) remove(name);
  folder.put("base.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]), size: BASE_BYTES }));
  folder.put("base.raw", Buffer.alloc(100_000, 5));
});

interface Info {
  readonly "virtual-size": number;
  readonly "cluster-size": number;
  readonly "format-specific": { readonly data: Readonly<Record<string, unknown>> };
}

const infoOf = async (image: string): Promise<Info> => (await folder.json("info", image)) as Info;

describe("create", () => {
  it("makes an empty image with lazy refcounts, and says so in one line on stderr (S-0.1-2)", async () => {
    const ran = await folder.qcow("create", "disk.qcow2", "--size", "1G");
    expect({ ...ran, stdout: ran.stdout.toString() }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "Created disk.qcow2: a disk of 1 GiB (1073741824 bytes).\n",
    });
    const info = await infoOf("disk.qcow2");
    expect(info).toMatchObject({ "virtual-size": 1024 ** 3, "cluster-size": 65_536 });
    expect(info["format-specific"].data).toEqual({
      compat: "1.1",
      "compression-type": "zlib",
      "lazy-refcounts": true,
      "refcount-bits": 16,
      corrupt: false,
      "extended-l2": false,
    });
    expect(await folder.check("disk.qcow2")).toBe(0);
  });

  it("says nothing with --quiet, and takes the size as a word too", async () => {
    const ran = await folder.qcow("create", "-q", "disk.qcow2", "1000");
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await infoOf("disk.qcow2"))["virtual-size"]).toBe(1024);
  });

  it("has the document of info", async () => {
    const document = await folder.json("create", "disk.qcow2", "--size", "4M");
    expect(document).toEqual(await infoOf("disk.qcow2"));
  });

  it.each([
    [["--strict-refcounts"], { "lazy-refcounts": false }],
    [["--compat", "0.10"], { compat: "0.10" }],
    [["--refcount-bits", "1"], { "refcount-bits": 1 }],
    [["--extended-l2", "--cluster-size", "16K"], { "extended-l2": true }],
    [["--compression-type", "zstd"], { "compression-type": "zstd" }],
    [["--preallocation", "full", "--cluster-size", "4K"], {}],
    [["--preallocation", "falloc"], {}],
  ])("%j is what the image has", async (flags, expected) => {
    await folder.json("create", "disk.qcow2", "1M", ...flags);
    expect((await infoOf("disk.qcow2"))["format-specific"].data).toMatchObject(expected);
    expect(await folder.check("disk.qcow2")).toBe(0);
    expect((await folder.disk("disk.qcow2")).equals(Buffer.alloc(MiB))).toBe(true);
  });

  it("reserves space with falloc, and takes next to none without", async () => {
    await folder.json("create", "disk.qcow2", "8M", "--preallocation", "falloc");
    expect(folder.spaceOf("disk.qcow2")).toBeGreaterThanOrEqual(8 * MiB);
    await folder.json("create", "disk.qcow2", "1T");
    expect(folder.spaceOf("disk.qcow2")).toBeLessThan(MiB);
  });

  it("replaces what OUT held, be it longer", async () => {
    folder.put("disk.qcow2", Buffer.alloc(3 * MiB, 1));
    await folder.json("create", "disk.qcow2", "1M");
    expect(folder.get("disk.qcow2").length).toBe(4 * 65_536);
    expect(await folder.check("disk.qcow2")).toBe(0);
  });

  it.each([
    [[], /say the size/],
    [["1M", "--size", "1M"], /said twice/],
    [["much"], /invalid size/],
    [["1M", "--cluster-size", "big"], /invalid size/],
    [["1M", "--compat", "2"], /compat/],
    [["1M", "-F", "raw"], /--backing-file/],
    [["1M", "-b", "base.raw"], /-F qcow2 or -F raw/],
    [["1M", "-b", "base.raw", "-F", "vmdk"], /vmdk|one of/],
    [["1M", "--data-file-raw"], /--data-file/],
  ])("%j is a usage error, and makes nothing", async (words, message) => {
    const ran = await folder.qcow("create", "disk.qcow2", ...words);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).toContain("(CLI_USAGE)");
    expect(ran.exitCode).toBe(64);
    expect(has("disk.qcow2")).toBe(false);
  });

  it.each([
    [["1M", "--cluster-size", "5000"]],
    [["1M", "--refcount-bits", "3"]],
    [["1M", "--compat", "0.10", "--extended-l2"]],
    [["1M", "--extended-l2", "--cluster-size", "8K"]],
    [["3P"]],
    [["1M", "-b", "base.raw", "-F", "raw", "--preallocation", "metadata"]],
    [["1M", "-b", "base.raw", "-F", "raw", "--data-file", "data.raw", "--data-file-raw"]],
  ])("%j is refused: no new file stays, and an old one stays as it is", async (words) => {
    const ran = await folder.qcow("create", "disk.qcow2", ...words);
    expect(ran.stderr).toMatch(/^qcow: .* \(QCOW2_BAD_OPTION\)\n$/);
    expect(ran.exitCode).toBe(1);
    expect([has("disk.qcow2"), has("data.raw")]).toEqual([false, false]);
    folder.put("disk.qcow2", Buffer.alloc(1000, 3));
    await folder.qcow("create", "disk.qcow2", ...words);
    expect(folder.get("disk.qcow2").equals(Buffer.alloc(1000, 3))).toBe(true);
  });

  it("at an address that is no file is refused", async () => {
    const ran = await folder.qcow("create", "http://host/disk.qcow2", "1M");
    expect(ran.stderr).toContain("(CLI_READ_ONLY_ADDRESS)");
    expect(ran.exitCode).toBe(1);
  });

  it("in a folder that is not there fails with a line", async () => {
    const ran = await folder.qcow("create", "nowhere/disk.qcow2", "1M");
    expect(ran.stderr).toContain("(BACKEND_NOT_FOUND)");
    expect(ran.exitCode).toBe(1);
  });
});

describe("create with a backing file", () => {
  it.each([
    ["base.qcow2", "qcow2", BASE_BYTES],
    ["base.raw", "raw", 100_352],
  ])("%s has its size and shows it", async (base, format, size) => {
    const info = await folder.json("create", "disk.qcow2", "-b", base, "-F", format);
    expect(info).toMatchObject({
      "virtual-size": size,
      "backing-filename": base,
      "backing-filename-format": format,
    });
    const expected = base === "base.raw" ? folder.get(base) : await folder.disk(base);
    expect((await folder.disk("disk.qcow2")).subarray(0, expected.length).equals(expected)).toBe(true);
  });

  it("may have a size of its own", async () => {
    await folder.json("create", "disk.qcow2", "2M", "-b", "base.raw", "-F", "raw");
    expect((await infoOf("disk.qcow2"))["virtual-size"]).toBe(2 * MiB);
  });

  it.each([
    ["none.raw", "raw", "BACKEND_NOT_FOUND"],
    ["base.raw", "qcow2", "QCOW2_BAD_MAGIC"],
    ["nbd://host/export", "raw", "CLI_REFERENCE_REFUSED"],
  ])("%s as %s fails with %s and makes nothing", async (base, format, code) => {
    const ran = await folder.qcow("create", "disk.qcow2", "1M", "-b", base, "-F", format);
    expect(ran.stderr).toContain(`(${code})`);
    expect(ran.exitCode).toBe(1);
    expect(has("disk.qcow2")).toBe(false);
  });

  it("never overwrites a file of its own chain, whatever its name", async () => {
    await folder.json("create", "old.qcow2", "-b", "base.raw", "-F", "raw");
    remove("link.qcow2");
    symlinkSync("old.qcow2", folder.at("link.qcow2"));
    const before = [folder.get("old.qcow2"), folder.get("base.raw")];
    for (const out of ["old.qcow2", "link.qcow2", "base.raw"]) {
      const ran = await folder.qcow("create", out, "1M", "-b", "old.qcow2", "-F", "qcow2");
      expect(ran.stderr).toContain("(CLI_OUTPUT_IS_INPUT)");
      expect(ran.exitCode).toBe(1);
    }
    const words = ["1M", "-b", "old.qcow2", "-F", "qcow2", "--data-file", "base.raw"];
    const ran = await folder.qcow("create", "disk.qcow2", ...words);
    expect(ran.stderr).toContain("(CLI_OUTPUT_IS_INPUT)");
    expect(has("disk.qcow2")).toBe(false);
    expect([folder.get("old.qcow2"), folder.get("base.raw")]).toEqual(before);
  });
});

describe("create with a data file", () => {
  it("makes both, beside each other, and the old contents of the data file are gone", async () => {
    folder.put("data.raw", Buffer.alloc(5 * MiB, 1));
    await folder.json(
      "create",
      folder.at("disk.qcow2"),
      "1000K",
      "--data-file",
      "data.raw",
      "--data-file-raw",
    );
    expect(folder.get("data.raw").equals(Buffer.alloc(1_024_000))).toBe(true);
    const { data } = (await infoOf("disk.qcow2"))["format-specific"];
    expect(data).toMatchObject({ "data-file": "data.raw", "data-file-raw": true });
    await folder.json("write", "disk.qcow2", "--offset", "512000", "--text", "here");
    expect(folder.get("data.raw").subarray(512_000, 512_004).toString()).toBe("here");
  });

  it("that is the image itself is refused, and the image stays", async () => {
    folder.put("old.qcow2", Buffer.alloc(1000, 3));
    const ran = await folder.qcow("create", "old.qcow2", "1M", "--data-file", "old.qcow2");
    expect(ran.stderr).toContain("(CLI_OUTPUT_IS_INPUT)");
    expect(ran.exitCode).toBe(1);
    expect(folder.get("old.qcow2").equals(Buffer.alloc(1000, 3))).toBe(true);
  });
});

describe.skipIf(skipsQemu)("create beside QEMU", () => {
  it("makes what qemu-img makes of the same options (needs qemu-img)", async () => {
    const words = ["--refcount-bits", "8", "--cluster-size", "32K", "--preallocation", "metadata"];
    await folder.json("create", "disk.qcow2", "3M", ...words);
    const theirs = "refcount_bits=8,cluster_size=32k,preallocation=metadata,lazy_refcounts=on";
    qemuImg(folder.path, "create", "-q", "-f", "qcow2", "-o", theirs, "old.qcow2", "3M");
    const info = (image: string): unknown => {
      const {
        filename,
        "actual-size": space,
        ...rest
      } = JSON.parse(qemuImg(folder.path, "info", "--output=json", image));
      return rest;
    };
    expect(info("disk.qcow2")).toEqual(info("old.qcow2"));
    expect(isCleanForQemu(folder.path, "disk.qcow2")).toBe(true);
  });

  it("leaves an image alone that QEMU has open (needs qemu-img)", async () => {
    qemuImg(folder.path, "create", "-q", "-f", "qcow2", "old.qcow2", "1M");
    const before = folder.get("old.qcow2");
    await using _held = await heldByQemu(folder.path, "old.qcow2");
    const ran = await folder.qcow("create", "old.qcow2", "2M");
    expect(ran.stderr).toContain("(BACKEND_LOCKED)");
    expect(ran.exitCode).toBe(1);
    expect(folder.get("old.qcow2").equals(before)).toBe(true);
  });
});
