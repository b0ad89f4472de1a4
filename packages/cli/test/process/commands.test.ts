import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ran, runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

const DISK_BYTES = 65536;
let cwd: string;
let disk: Buffer;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-cli-"));
  const clusters = new Map([
    [1, filled(0x11)],
    [2, filled(0x22)],
    [9, filled(0)],
  ]);
  disk = Buffer.alloc(DISK_BYTES);
  for (const [index, bytes] of clusters) disk.set(bytes, index * 4096);
  const files = {
    "disk.qcow2": tinyImage({ clusters }),
    "leak.qcow2": tinyImage({ clusters, leak: true }),
    "corrupt.qcow2": tinyImage({ clusters, corrupt: true }),
    "overlay.qcow2": tinyImage({ clusters: new Map([[0, filled(0x33)]]), backingFile: "disk.qcow2" }),
    "escape.qcow2": tinyImage({ backingFile: "../../etc/passwd" }),
    "control.qcow2": tinyImage({ backingFile: "a\u001b[2J\u009b\u202e" }),
    "latin1.qcow2": tinyImage({ backingFile: Buffer.from("caf\u00e9.raw", "latin1") }),
    "caf\ufffd.raw": filled(1),
    "not-an-image": Buffer.from("hello"),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, name), bytes);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const qcow = (...args: string[]): Promise<Ran> => runQcow(args, { cwd });

async function json(...args: string[]): Promise<unknown> {
  return JSON.parse((await qcow(...args)).stdout.toString());
}

describe("info", () => {
  it("tells people about the image", async () => {
    const { exitCode, stdout, stderr } = await qcow("info", "disk.qcow2");
    expect(stdout.toString()).toMatch(
      /^image: disk\.qcow2\nfile format: qcow2\nvirtual size: 64 KiB \(65536 bytes\)\ndisk size: .+\ncluster_size: 4096\nFormat specific information:\n {4}compat: 1\.1\n/,
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  it("--json has qemu-img's keys, and --output json means the same", async () => {
    const info = await json("info", "--json", "overlay.qcow2");
    expect(info).toMatchObject({
      filename: "overlay.qcow2",
      format: "qcow2",
      "virtual-size": DISK_BYTES,
      "cluster-size": 4096,
      "dirty-flag": false,
      "backing-filename": "disk.qcow2",
      "full-backing-filename": "disk.qcow2",
      "format-specific": { type: "qcow2", data: { compat: "1.1", "refcount-bits": 16, corrupt: false } },
    });
    expect(await json("info", "overlay.qcow2", "--output", "json")).toEqual(info);
    expect(await json("info", "overlay.qcow2", "--output=json")).toEqual(info);
  });

  it("--backing-chain describes every file", async () => {
    const chain = await json("info", "overlay.qcow2", "--backing-chain", "--json");
    expect(chain).toMatchObject([{ filename: "overlay.qcow2" }, { filename: "disk.qcow2" }]);
  });

  it("--filter picks from the sexp form", async () => {
    expect((await qcow("info", "disk.qcow2", "--filter", ".size")).stdout.toString()).toBe("65536\n");
    const failed = await qcow("info", "disk.qcow2", "--filter", "size");
    expect(failed).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("'.' expected; got 's' (CLI_FILTER)"),
    });
  });

  it("does not open the backing file, and escapes its name", async () => {
    const human = await qcow("info", "control.qcow2");
    expect(human.stdout.toString()).toContain("backing file: a\\x1b[2J\\x9b\\u{202e}\n");
    expect(human.exitCode).toBe(0);
    expect((await qcow("info", "control.qcow2", "--json")).stdout.toString()).not.toMatch(
      /[\u007f-\u009f\u202e]/,
    );
  });
});

describe("check", () => {
  it.each([
    ["disk.qcow2", 0, "No errors were found on the image.\nTotal free blocks: 0\nTotal used blocks: 8\n", ""],
    ["leak.qcow2", 3, "1 leaked clusters were found", "Leaked cluster "],
    ["corrupt.qcow2", 2, "errors were found on the image", "ERROR "],
  ])("%s ends with %d", async (name, exitCode, words, finding) => {
    const ran = await qcow("check", name);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stdout.toString()).toContain(words);
    expect(ran.stderr).toContain(finding);
  });

  it("--json has qemu-img's keys", async () => {
    expect(await json("check", "leak.qcow2", "--json", "-q")).toEqual({
      filename: "leak.qcow2",
      format: "qcow2",
      "check-errors": 0,
      "image-end-offset": 36864,
      "total-clusters": 16,
      "allocated-clusters": 3,
      leaks: 1,
    });
  });
});

describe("map and mapped", () => {
  it("prints the table of what is stored", async () => {
    expect((await qcow("map", "overlay.qcow2")).stdout.toString()).toBe(
      `Offset          Length          Mapped to       File
0               0x1000          0x5000          overlay.qcow2
0x1000          0x2000          0x5000          disk.qcow2
0x9000          0x1000          0x7000          disk.qcow2
`,
    );
  });

  it("--json lists everything, through the chain", async () => {
    expect(await json("map", "overlay.qcow2", "--json")).toMatchObject([
      { start: 0, length: 4096, depth: 0, data: true, offset: 20480 },
      { start: 4096, length: 8192, depth: 1, data: true, offset: 20480 },
      { start: 12288, length: 24576, present: false, zero: true, data: false },
      { start: 36864, length: 4096, depth: 1, data: true },
      { start: 40960, length: 24576, present: false },
    ]);
  });

  it("--start and --length cut a part out", async () => {
    const part = await json("map", "disk.qcow2", "--json", "--start", "4K", "--length", "0x1000");
    expect(part).toMatchObject([{ start: 4096, length: 4096, data: true }]);
  });

  it("mapped merges neighbours, in text and JSON", async () => {
    expect((await qcow("mapped", "disk.qcow2")).stdout.toString()).toBe(
      "# offset (bytes), length (bytes)\n1000 8192\n9000 4096\n",
    );
    expect(await json("mapped", "disk.qcow2", "--output", "json")).toEqual([
      { offset: 4096, length: 8192 },
      { offset: 36864, length: 4096 },
    ]);
  });

  it("mapped --ignore-zeroes leaves out stored zeros", async () => {
    const { stdout } = await qcow("mapped", "disk.qcow2", "--ignore-zeroes");
    expect(stdout.toString()).toContain("1000 8192\n");
  });
});

describe("contents", () => {
  it("read writes sectors, or bytes", async () => {
    expect((await qcow("read", "disk.qcow2", "--sector", "8", "--length", "2")).stdout).toEqual(
      disk.subarray(4096, 5120),
    );
    expect((await qcow("read", "--offset", "8190", "disk.qcow2", "--bytes", "5")).stdout).toEqual(
      disk.subarray(8190, 8195),
    );
    expect((await qcow("read", "disk.qcow2", "--sector", "1", "--bytes", "5")).exitCode).toBe(64);
    expect((await qcow("read", "disk.qcow2", "--sector", "128")).exitCode).toBe(1);
  });

  it("sha is the digest of the disk", async () => {
    const digest = (algorithm: string): string => createHash(algorithm).update(disk).digest("hex");
    expect((await qcow("sha", "disk.qcow2")).stdout.toString()).toBe(`${digest("sha1")}\n`);
    expect(await json("sha", "disk.qcow2", "--algorithm", "sha256", "--json")).toEqual({
      filename: "disk.qcow2",
      algorithm: "sha256",
      digest: digest("sha256"),
      "virtual-size": DISK_BYTES,
    });
    expect((await qcow("sha", "disk.qcow2", "--algorithm", "nope")).exitCode).toBe(64);
  });

  it("decode writes the disk to a file, replacing what was there, and to stdout", async () => {
    writeFileSync(join(cwd, "out.raw"), Buffer.alloc(200_000, 0xff));
    expect((await qcow("decode", "disk.qcow2", "out.raw")).exitCode).toBe(0);
    expect(readFileSync(join(cwd, "out.raw"))).toEqual(disk);
    expect((await qcow("decode", "disk.qcow2", "-")).stdout).toEqual(disk);
  });

  it("decode never writes to a file that it reads", async () => {
    for (const out of ["overlay.qcow2", "disk.qcow2", "./disk.qcow2"]) {
      const before = readFileSync(join(cwd, out));
      const ran = await qcow("decode", "overlay.qcow2", out);
      expect(ran).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("(CLI_OUTPUT_IS_INPUT)") });
      expect(readFileSync(join(cwd, out))).toEqual(before);
    }
  });

  it("decode makes no output when the image cannot be opened", async () => {
    expect((await qcow("decode", "escape.qcow2", "new.raw")).exitCode).toBe(1);
    expect(existsSync(join(cwd, "new.raw"))).toBe(false);
  });

  it("files that are read keep contents and times", async () => {
    const path = join(cwd, "disk.qcow2");
    const before = { bytes: readFileSync(path), mtimeMs: statSync(path).mtimeMs };
    for (const command of ["info", "check", "map", "mapped", "sha"]) await qcow(command, "disk.qcow2");
    expect({ bytes: readFileSync(path), mtimeMs: statSync(path).mtimeMs }).toEqual(before);
  });
});

describe("failures", () => {
  it.each([
    [["info", "missing.qcow2"], 1, "BACKEND_NOT_FOUND"],
    [["info", "not-an-image"], 1, "QCOW2_"],
    [["check", "not-an-image"], 63, "QCOW2_BAD_MAGIC"],
    [["info", "s3://bucket/disk.qcow2"], 1, "CLI_UNKNOWN_SCHEME"],
    [["sha", "escape.qcow2"], 1, "CLI_REFERENCE_REFUSED"],
    [["sha", "latin1.qcow2"], 1, "not UTF-8, which is not followed (CLI_REFERENCE_REFUSED)"],
    [["sha", "overlay.qcow2", "--backing", "deny"], 1, "CLI_REFERENCE_REFUSED"],
    [["sha", "disk.qcow2", "--snapshot", "none"], 1, "QCOW2_NO_SUCH_SNAPSHOT"],
    [["info"], 64, "CLI_USAGE"],
    [["info", "a", "b"], 64, "CLI_USAGE"],
    [["info", "disk.qcow2", "--nope"], 64, "CLI_USAGE"],
    [["map", "disk.qcow2", "--start", "1x"], 64, "CLI_USAGE"],
    [["sha", "disk.qcow2", "--progress-fd", "x"], 64, "CLI_USAGE"],
    [["sha", "disk.qcow2", "--backing", "sometimes"], 64, "CLI_USAGE"],
    [["inof"], 64, "CLI_USAGE"],
  ])("%j: exit %d, one line with %s", async (args, exitCode, code) => {
    const ran = await qcow(...args);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stdout.length).toBe(0);
    const [line, ...rest] = ran.stderr.trimEnd().split("\n");
    expect(line).toMatch(/^qcow: .+ \([A-Z0-9_]+\)$/);
    expect(line).toContain(code);
    expect(rest.length).toBeLessThanOrEqual(1);
  });

  it("an unknown command names the nearest", async () => {
    expect((await qcow("inof")).stderr).toContain("Did you mean `qcow info`?");
    expect((await qcow("nosuch")).stderr).toContain("See `qcow help`.");
  });

  it("--json makes a document of them", async () => {
    expect(await json("info", "missing.qcow2", "--json")).toMatchObject({
      error: { code: "BACKEND_NOT_FOUND", exitCode: 1, message: expect.any(String) },
    });
    expect(await json("check", "not-an-image", "--json")).toMatchObject({
      error: { code: "QCOW2_BAD_MAGIC", exitCode: 63 },
    });
    expect(await json("info", "--json")).toMatchObject({ error: { code: "CLI_USAGE", exitCode: 64 } });
  });

  it("--debug adds the stack", async () => {
    expect((await qcow("info", "missing.qcow2", "--debug")).stderr).toContain("caused by: ");
  });
});

describe("common flags", () => {
  it("--trace logs each access to the files", async () => {
    const { stderr } = await qcow("sha", "overlay.qcow2", "--trace");
    expect(stderr).toMatch(/^BLOCK\.read 0 len = [0-9]+$/m);
    expect(stderr).toMatch(/^BLOCK\.read [0-9]+ len = [0-9]+ disk\.qcow2$/m);
  });

  it("--progress-fd writes lines for programs", async () => {
    const { stderr } = await qcow("decode", "disk.qcow2", "out2.raw", "--progress-fd", "2");
    expect(stderr).toMatch(/^(\{ "progress": [0-9]+ \}\n)+$/);
    expect(stderr).toContain('{ "progress": 100 }');
  });

  it("help, examples and version are there without an image", async () => {
    const help = (await qcow("info", "--help")).stdout.toString();
    expect(help).toContain("$ qcow info disk.qcow2 --json");
    expect((await qcow("--version")).stdout.toString()).toMatch(/^qcow\/\d/);
    const { stdout, exitCode } = await qcow();
    expect(stdout.toString()).toContain("COMMANDS");
    expect(exitCode).toBe(0);
  });
});
