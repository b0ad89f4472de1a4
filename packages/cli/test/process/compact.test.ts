// `compact` as a user runs it.

import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { HoledImages } from "./holed-image.js";
import { heldByQemu, isCleanForQemu, qemuImg, skipsQemu } from "./qemu.js";
import { type Ran, runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

const folder = new Folder("compact");
const MIB = 1024 * 1024;
const NOTHING = "I couldn't make the file any smaller. Consider running `discard`.\n";

const said = (ran: Ran) => ({ ...ran, stdout: ran.stdout.toString() });

const images = new HoledImages(folder);
const holed = (name: string, size?: string): Promise<Buffer> => images.put(name, size);

describe("compact", () => {
  it("makes the file smaller and says by how much, in the words of qcow-tool (S-0.6.0-3)", async () => {
    const disk = await holed("disk.qcow2");
    const { length } = folder.get("disk.qcow2");
    const ran = await folder.qcow("compact", "disk.qcow2");
    const gained = length - folder.get("disk.qcow2").length;
    expect(gained).toBeGreaterThan(MIB);
    expect(said(ran)).toEqual({
      exitCode: 0,
      stdout: `The file is now ${Math.floor(gained / MIB)} MiB smaller.\n`,
      stderr: "",
    });
    expectSame(await folder.disk("disk.qcow2"), disk);
    expect(await folder.check("disk.qcow2")).toBe(0);
    expect(said(await folder.qcow("compact", "disk.qcow2"))).toEqual({
      exitCode: 0,
      stdout: NOTHING,
      stderr: "",
    });
  });

  it("prints a document with what was done", async () => {
    await holed("disk.qcow2");
    const before = folder.get("disk.qcow2").length;
    const document = await folder.json("compact", "disk.qcow2");
    const after = folder.get("disk.qcow2").length;
    expect(document).toEqual({
      filename: "disk.qcow2",
      "dry-run": false,
      "size-before": before,
      "size-after": after,
      "cluster-size": 4096,
      "clusters-moved": expect.any(Number),
      "bytes-copied": expect.any(Number),
      "references-changed": expect.any(Number),
      "leaks-fixed": 0,
    });
    const { "clusters-moved": moved, "bytes-copied": copied } = document as Record<string, number>;
    expect(moved).toBeGreaterThanOrEqual((before - after) / 4096 / 2);
    expect(copied).toBeGreaterThan(0);
  });

  it("frees leaked clusters, and may gain less than a MiB", async () => {
    folder.put("leak.qcow2", tinyImage({ clusters: new Map([[0, filled(1)]]), leak: true }));
    expect(said(await folder.qcow("compact", "leak.qcow2")).stdout).toBe("The file is now 0 MiB smaller.\n");
    expect(await folder.check("leak.qcow2")).toBe(0);
    folder.put("leak.qcow2", tinyImage({ clusters: new Map([[0, filled(1)]]), leak: true }));
    expect(await folder.json("compact", "leak.qcow2")).toMatchObject({ "leaks-fixed": 1 });
  });

  it.each([100, 513])("takes a file with %i bytes behind its last cluster (S-0.7.1-2)", async (more) => {
    const disk = await holed("odd.qcow2");
    folder.put("odd.qcow2", Buffer.concat([folder.get("odd.qcow2"), Buffer.alloc(more)]));
    expect((await folder.qcow("compact", "odd.qcow2")).exitCode).toBe(0);
    expect(folder.get("odd.qcow2").length % 4096).toBe(0);
    expectSame(await folder.disk("odd.qcow2"), disk);
    expect(await folder.check("odd.qcow2")).toBe(0);
  });

  it("repairs an image that was not closed, first", async () => {
    const disk = await holed("dirty.qcow2");
    const bytes = folder.get("dirty.qcow2");
    bytes[79] = 1;
    folder.put("dirty.qcow2", bytes);
    expect(said(await folder.qcow("compact", "dirty.qcow2")).stdout).toMatch(/^The file is now 1 MiB/);
    expect(folder.get("dirty.qcow2")[79]).toBe(0);
    expectSame(await folder.disk("dirty.qcow2"), disk);
    expect(await folder.check("dirty.qcow2")).toBe(0);
  });

  it("flushes, unless --unsafe-buffering says not to", async () => {
    for (const [args, flushes] of [
      [[], true],
      [["--unsafe-buffering"], false],
    ] as const) {
      await holed("disk.qcow2");
      const ran = await folder.qcow("compact", "disk.qcow2", "--trace", ...args);
      expect(ran.exitCode).toBe(0);
      expect(ran.stderr.includes("BLOCK.flush")).toBe(flushes);
    }
  });
});

describe("compact --dry-run", () => {
  it("says what would be gained, and leaves bytes and times", async () => {
    await holed("disk.qcow2");
    const before = folder.get("disk.qcow2");
    const { mtimeNs } = statSync(folder.at("disk.qcow2"), { bigint: true });
    const ran = await folder.qcow("compact", "disk.qcow2", "--dry-run", "--trace");
    expect(ran.stderr).not.toMatch(/BLOCK\.(write|flush|resize)/);
    const document = await folder.json("compact", "disk.qcow2", "--dry-run");
    expect(statSync(folder.at("disk.qcow2"), { bigint: true }).mtimeNs).toBe(mtimeNs);
    expectSame(folder.get("disk.qcow2"), before);
    const real = (await folder.json("compact", "disk.qcow2")) as Record<string, number>;
    expect(document).toMatchObject({
      "dry-run": true,
      "size-before": before.length,
      "size-after": real["size-after"],
      "bytes-copied": 0,
    });
    const gained = Math.floor((before.length - (real["size-after"] ?? 0)) / MIB);
    expect(ran.stdout.toString()).toBe(`The file would be ${gained} MiB smaller.\n`);
    expect((await folder.qcow("compact", "disk.qcow2", "--dry-run")).stdout.toString()).toBe(
      "The file would not be any smaller. Consider running `discard`.\n",
    );
  });

  it("takes an image that was not closed, and leaves it so", async () => {
    await holed("dirty.qcow2");
    const bytes = folder.get("dirty.qcow2");
    bytes[79] = 1;
    folder.put("dirty.qcow2", bytes);
    const ran = await folder.qcow("compact", "dirty.qcow2", "--dry-run");
    expect(ran.stdout.toString()).toMatch(/^The file would be 1 MiB smaller\.\n$/);
    expectSame(folder.get("dirty.qcow2"), bytes);
  });

  it("is not mixed with --verify", async () => {
    const ran = await folder.qcow("compact", "disk.qcow2", "--dry-run", "--verify");
    expect(ran.exitCode).toBe(64);
    expect(ran.stderr).toContain("(CLI_USAGE)");
  });
});

describe("compact --verify", () => {
  it("tells the digest that `sha` prints", async () => {
    await holed("disk.qcow2");
    const digest = (await folder.qcow("sha", "disk.qcow2")).stdout.toString().trim();
    const ran = await folder.qcow("compact", "disk.qcow2", "--verify");
    expect(ran.stdout.toString()).toMatch(
      new RegExp(`^The file is now 1 MiB smaller\\.\nThe disk reads as before: sha1 ${digest}\n$`),
    );
    expect(await folder.json("compact", "disk.qcow2", "--verify")).toMatchObject({
      digests: [{ algorithm: "sha1", digest, "virtual-size": 3 * MIB }],
    });
  });

  it("reads backing files as the policy lets it, and refuses before anything is changed", async () => {
    folder.put("base.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]) }));
    const over = tinyImage({
      clusters: new Map([[0, filled(1)]]),
      backingFile: "base.qcow2",
      leak: true,
    });
    folder.put("over.qcow2", over);
    const refused = await folder.qcow("compact", "over.qcow2", "--verify", "--backing", "deny");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("(CLI_REFERENCE_REFUSED)");
    expectSame(folder.get("over.qcow2"), over);
    expect((await folder.qcow("compact", "over.qcow2", "--verify")).exitCode).toBe(0);
    folder.put("over.qcow2", over);
    // Without it no other file is needed.
    expect((await folder.qcow("compact", "over.qcow2", "--backing", "deny")).exitCode).toBe(0);
  });
});

describe("compact shows how far it has come", () => {
  it("with a bar (S-0.10.0-5)", async () => {
    await holed("disk.qcow2");
    const ran = await folder.qcow("compact", "disk.qcow2", "--progress");
    expect(ran.stderr).toContain("100%");
    expect(ran.stdout.toString()).toMatch(/^The file is now 1 MiB smaller\.\n$/);
  });

  it.each(["--quiet", "--verify", "--dry-run"])(
    "with growing lines, 100 at the end, also with %s (S-0.10.0-6)",
    async (flag) => {
      await holed("disk.qcow2");
      const ran = await folder.qcow("compact", "disk.qcow2", "--progress-fd", "2", flag);
      expect(ran.stderr).toMatch(/^(\{ "progress": [0-9]+ \}\n)+$/);
      const percents = [...ran.stderr.matchAll(/[0-9]+/g)].map(Number);
      expect(percents).toEqual([...new Set(percents)].sort((one, other) => one - other));
      expect(percents.at(-1)).toBe(100);
    },
  );
});

describe("compact refuses", () => {
  const clusters = new Map([[0, filled(1)]]);
  // The first one changes nothing about the work.
  const ways = ["--quiet", "--dry-run", "--verify"];

  it.each(ways)("a damaged image, and says what to do, with %s", async (flag) => {
    const image = tinyImage({ clusters, corrupt: true });
    folder.put("corrupt.qcow2", image);
    const ran = await folder.qcow("compact", "corrupt.qcow2", flag);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/^qcow: .*\(QCOW2_CORRUPT\)\n.*qcow repair IMAGE\.\n$/);
    expectSame(folder.get("corrupt.qcow2"), image);
  });

  it.each(ways)("an encrypted image, in one line, with %s", async (flag) => {
    const image = tinyImage({ clusters, encrypted: true, leak: true });
    folder.put("secret.qcow2", image);
    const ran = await folder.qcow("compact", "secret.qcow2", flag);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/^qcow: [^\n]*encrypted[^\n]* \(QCOW2_ENCRYPTED\)\n$/);
    expectSame(folder.get("secret.qcow2"), image);
  });

  it("what is no image, what is not there, and what cannot be written", async () => {
    folder.put("text", Buffer.from("no image at all, but long enough to be one of them"));
    for (const [name, code] of [
      ["text", "QCOW2_BAD_MAGIC"],
      ["nowhere.qcow2", "BACKEND_NOT_FOUND"],
      ["https://example.org/disk.qcow2", "CLI_READ_ONLY_ADDRESS"],
    ] as const) {
      const ran = await folder.qcow("compact", name);
      expect(ran.exitCode).toBe(1);
      expect(ran.stderr).toContain(`(${code})`);
    }
  });

  it.skipIf(skipsQemu)(
    "an image that QEMU has open, which stays as it is (S-0.10.5-1) (needs qemu-io)",
    async () => {
      await holed("held.qcow2");
      await using _holder = await heldByQemu(folder.path, "held.qcow2");
      const before = folder.get("held.qcow2");
      const ran = await folder.qcow("compact", "held.qcow2");
      expect(ran.exitCode).toBe(1);
      expect(ran.stderr).toContain("(BACKEND_LOCKED)");
      expectSame(folder.get("held.qcow2"), before);
      // A look does no harm.
      expect((await folder.qcow("compact", "held.qcow2", "--dry-run")).exitCode).toBe(0);
    },
  );
});

describe.skipIf(process.platform === "win32")("a compact that is interrupted (S-0.7.0-2)", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "by %s ends with 130 and a sound image, and says what it leaves; another one finishes it",
    async (signal) => {
      const disk = await holed("big.qcow2", "12M");
      const before = folder.get("big.qcow2").length;
      const ran = await runQcow(["compact", "big.qcow2", "--trace"], {
        cwd: folder.path,
        onStart: (child) => killAtFirstWrite(child, signal),
      });
      expect(ran.exitCode).toBe(130);
      expect(ran.stderr).toMatch(
        /\nqcow: interrupted \(CLI_INTERRUPTED\)\nThe image is sound; what was moved so far stays moved\.\n$/,
      );
      expectSame(await folder.disk("big.qcow2"), disk);
      expect(await folder.check("big.qcow2")).toBe(0);
      expect((await folder.qcow("compact", "big.qcow2")).exitCode).toBe(0);
      expect(folder.get("big.qcow2").length).toBeLessThan(before - 5 * MIB);
      expectSame(await folder.disk("big.qcow2"), disk);
    },
  );

  it("by a signal during its dry run changed nothing, and says nothing of it", async () => {
    await holed("big.qcow2", "12M");
    const before = folder.get("big.qcow2");
    const ran = await runQcow(["compact", "big.qcow2", "--dry-run", "--trace"], {
      cwd: folder.path,
      onStart: (child) => child.stderr?.once("data", () => child.kill("SIGTERM")),
    });
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toMatch(/\nqcow: interrupted \(CLI_INTERRUPTED\)\n$/);
    expectSame(folder.get("big.qcow2"), before);
  });
});

type Child = Parameters<NonNullable<NonNullable<Parameters<typeof runQcow>[1]>["onStart"]>>[0];

function killAtFirstWrite(child: Child, signal: NodeJS.Signals): void {
  let seen = "";
  const look = (chunk: Buffer): void => {
    seen += chunk.toString();
    if (!seen.includes("BLOCK.write")) return;
    child.stderr?.off("data", look);
    child.kill(signal);
  };
  child.stderr?.on("data", look);
}

describe.skipIf(skipsQemu)("compact of images that QEMU made (needs qemu-img)", () => {
  it.each([
    ["plain", ["-o", "cluster_size=64k"]],
    ["subclusters", ["-o", "extended_l2=on"]],
    ["old", ["-o", "compat=0.10"]],
    ["packed", ["-c"]],
  ])("%s: QEMU finds nothing wrong and sees the same disk (S-0.7.1-2)", async (name, options) => {
    const raw = Buffer.alloc(6 * MIB);
    // A long run of zeros that is stored, between data.
    for (const at of [0, 3, 5]) raw.fill(at + 1, at * MIB, at * MIB + 700_000);
    folder.put("disk.raw", raw);
    const image = `${name}.qcow2`;
    qemuImg(folder.path, "convert", "-S", "0", "-O", "qcow2", ...options, "disk.raw", image);
    await folder.json("discard", image);
    const document = (await folder.json("compact", image, "--verify")) as Record<string, number>;
    if (name !== "packed") expect(document["clusters-moved"]).toBeGreaterThan(0);
    expect(isCleanForQemu(folder.path, image)).toBe(true);
    expect(qemuImg(folder.path, "compare", "disk.raw", image)).toContain("identical");
  });

  it("a fresh one, whose length is no multiple of 512 bytes, stays as it is (S-0.7.1-2)", async () => {
    qemuImg(folder.path, "create", "-q", "-f", "qcow2", "fresh.qcow2", "1M");
    const before = folder.get("fresh.qcow2");
    expect(before.length % 512).not.toBe(0);
    expect((await folder.qcow("compact", "fresh.qcow2")).stdout.toString()).toBe(NOTHING);
    expectSame(folder.get("fresh.qcow2"), before);
  });

  it("one with snapshots: each of them reads as before", async () => {
    const first = await holed("snap.qcow2");
    qemuImg(folder.path, "snapshot", "-c", "early", "snap.qcow2");
    await folder.json("write", "snap.qcow2", "--offset", "1M", "--text", "late");
    const disk = await folder.disk("snap.qcow2");
    const { digests } = (await folder.json("compact", "snap.qcow2", "--verify")) as {
      digests: { snapshot?: object; digest: string }[];
    };
    expect(digests.map(({ snapshot }) => snapshot)).toEqual([undefined, { id: "1", name: "early" }]);
    expect(digests[0]?.digest).not.toBe(digests[1]?.digest);
    expectSame(await folder.disk("snap.qcow2"), disk);
    const early = await folder.qcow("decode", "snap.qcow2", "-", "--snapshot", "early");
    expectSame(early.stdout, first);
    expect(isCleanForQemu(folder.path, "snap.qcow2")).toBe(true);
  });
});
