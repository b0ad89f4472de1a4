// A sample of what scripts/create-matrix.mjs goes through: what QEMU says of images made here and of its own.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openWritable } from "@qcow/backend-node";
import { afterAll, describe, expect, test } from "vitest";
import { type CreateOptions, createImage } from "../../src/index.js";

const isHere = spawnSync("qemu-img", ["--version"], { stdio: "ignore" }).status === 0;
const skips = !isHere && process.env.QCOW_REQUIRE_TOOLS !== "1";
const folder = mkdtempSync(join(tmpdir(), "qcow-create-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KiB = 1024;
const TiB = 2 ** 40;
type Options = Omit<CreateOptions, "dataFile"> & { readonly data?: "plain" | "raw" };

/** Options, and how qemu-img is told the same. */
const CASES: [options: Options, words: string][] = [
  [{ size: 0 }, ""],
  [{ size: 1 }, ""],
  [{ size: 511, preallocation: "metadata" }, "preallocation=metadata"],
  [{ size: 2 ** 20, version: 2 }, "compat=0.10,lazy_refcounts=off"],
  [{ size: 64 * TiB }, ""],
  [{ size: 1024 * TiB, clusterSize: 2 ** 21, refcountBits: 64 }, "cluster_size=2M,refcount_bits=64"],
  [
    { size: 300 * KiB, clusterSize: 512, refcountBits: 1, preallocation: "full" },
    "cluster_size=512,refcount_bits=1,preallocation=full",
  ],
  [
    { size: 1000 * KiB, clusterSize: 16384, extendedL2: true, preallocation: "falloc" },
    "cluster_size=16k,extended_l2=on,preallocation=falloc",
  ],
  [
    { size: 1000 * KiB, lazyRefcounts: false, compressionMethod: "zstd" },
    "lazy_refcounts=off,compression_type=zstd",
  ],
  [{ size: 1000 * KiB, data: "plain" }, "data_file=data.raw"],
  [{ size: 1000 * KiB, data: "raw", refcountBits: 2 }, "data_file=data.raw,data_file_raw=on,refcount_bits=2"],
  [
    { size: 1000 * KiB, backingFile: { name: "../base.raw", format: "raw" } },
    "backing_file=../base.raw,backing_fmt=raw",
  ],
  [
    {
      size: 1000 * KiB,
      backingFile: { name: "../base.raw", format: "raw" },
      extendedL2: true,
      preallocation: "metadata",
    },
    "backing_file=../base.raw,backing_fmt=raw,extended_l2=on,preallocation=metadata",
  ],
];

let made = 0;

/** Makes the image here and with qemu-img, each in a folder of its own. */
async function makeBoth(
  { data, ...options }: Options,
  words: string,
): Promise<{ ours: string; theirs: string }> {
  made += 1;
  const [ours, theirs] = [join(folder, `${made}-ours`), join(folder, `${made}-theirs`)];
  for (const path of [ours, theirs]) mkdirSync(path);
  qemuImg(folder, "create", "-q", "-f", "raw", "base.raw", "100k");
  const lazy = words.includes("lazy_refcounts") ? "" : "lazy_refcounts=on";
  const all = [lazy, words].filter((part) => part !== "").join(",");
  qemuImg(theirs, "create", "-q", "-f", "qcow2", "-o", all, "disk.qcow2", String(options.size));

  const backend = await openWritable(join(ours, "disk.qcow2"), { create: true });
  const file = data && (await openWritable(join(ours, "data.raw"), { create: true }));
  const dataFile = file && { name: "data.raw", raw: data === "raw", backend: file };
  await createImage(backend, { ...options, dataFile });
  await backend.close();
  await file?.close();
  return { ours, theirs };
}

function qemuImg(cwd: string, ...args: string[]): string {
  return execFileSync("qemu-img", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function infoOf(cwd: string): unknown {
  const info = JSON.parse(qemuImg(cwd, "info", "--output=json", "disk.qcow2"));
  return { ...info, "actual-size": undefined };
}

describe.skipIf(skips)("beside an image of qemu-img (needs qemu-img)", () => {
  test.each(CASES)("%j is the same to its info, is clean, and can be written to", async (options, words) => {
    const { ours, theirs } = await makeBoth(options, words);
    expect(infoOf(ours)).toEqual(infoOf(theirs));
    const check = JSON.parse(qemuImg(ours, "check", "--output=json", "disk.qcow2"));
    const peer = JSON.parse(qemuImg(theirs, "check", "--output=json", "disk.qcow2"));
    expect(check["allocated-clusters"]).toBe(peer["allocated-clusters"]);
    if (options.size < 512) return;
    const last = options.size - 512;
    const commands = [`read -P 0 ${last} 512`, `write -P 5 ${last} 512`, `read -P 5 ${last} 512`];
    const io = ["-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), "disk.qcow2"];
    expect(execFileSync("qemu-io", io, { cwd: ours, encoding: "utf8" })).not.toMatch(/fail/i);
    qemuImg(ours, "check", "-q", "disk.qcow2");
  });
});
