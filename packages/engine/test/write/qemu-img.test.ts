// S-0.2-2: QEMU finds nothing wrong with images that were written here, and reads the same bytes; and images that QEMU
// made are written here. A sample of what scripts/oracle.mjs goes through.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryBackend } from "@qcow/backend-memory";
import { afterAll, describe, expect, test } from "vitest";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder } from "../image-builder.js";
import { Random } from "../random.js";
import { openWritable } from "./open-writable.js";

const isHere = spawnSync("qemu-img", ["--version"], { stdio: "ignore" }).status === 0;
const skips = !isHere && process.env.QCOW_REQUIRE_TOOLS !== "1";
const folder = mkdtempSync(join(tmpdir(), "qcow-write-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

function qemuImg(...words: string[]): string {
  return execFileSync("qemu-img", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Some writes, discards and compressed writes, with the same done to `model`. */
async function work(backend: MemoryBackend, model: DiskModel): Promise<void> {
  const image = await openWritable(backend);
  const { clusterSize } = image.metadata.geometry;
  const random = new Random(clusterSize);
  for (let round = 0; round < 40; round++) {
    const length = Math.min(model.size, random.pick([1, 512, clusterSize, 3 * clusterSize + 7]));
    const offset = random.below(model.size - length + 1);
    const bytes = random.text(length);
    const kind = random.below(3);
    if (kind === 0) {
      await image.discard(offset, length);
      bytes.fill(0);
      model.write(offset, bytes);
    } else if (kind === 1) {
      const start = offset - (offset % clusterSize);
      const whole = random.text(Math.min(clusterSize, model.size - start));
      await image.writeCompressed(start, whole);
      model.write(start, whole);
    } else {
      await image.write(offset, bytes);
      model.write(offset, bytes);
    }
  }
  await image.close();
}

function expectQemuAgrees(backend: MemoryBackend, model: DiskModel, options: string[] = []): void {
  writeFileSync(path("ours.qcow2"), backend.toBytes());
  expect(qemuImg("check", path("ours.qcow2"))).toContain("No errors were found");
  qemuImg("convert", ...options, "-f", "qcow2", "-O", "raw", path("ours.qcow2"), path("ours.raw"));
  expectBytes(new Uint8Array(readFileSync(path("ours.raw"))), model.bytes(), "what QEMU reads");
}

describe("S-0.2-2: QEMU and this engine (needs qemu-img)", () => {
  test
    .skipIf(skips)
    .each([
      "cluster_size=512,refcount_bits=1",
      "cluster_size=4k,lazy_refcounts=on",
      "cluster_size=64k,compat=0.10",
      "cluster_size=64k,compression_type=zstd,refcount_bits=64",
      "cluster_size=16k,extended_l2=on",
    ])("agree on an image that QEMU made and this engine wrote to: %s (needs qemu-img)", async (options) => {
    const size = 50 * 65_536 + 512;
    qemuImg("create", "-q", "-f", "qcow2", "-o", options, path("made.qcow2"), String(size));
    const backend = MemoryBackend.fromBytes(new Uint8Array(readFileSync(path("made.qcow2"))));
    const model = new DiskModel(size);
    await work(backend, model);
    expectQemuAgrees(backend, model);
  });

  test.skipIf(skips)(
    "agree on snapshots of an image that was written to since (needs qemu-img)",
    async () => {
      const builder = new ImageBuilder({ size: 2 ** 20, clusterBits: 12 });
      for (let cluster = 0; cluster < 200; cluster++)
        builder.data(cluster, new Uint8Array(4096).fill((cluster % 250) + 1));
      builder.snapshot("1", "one");
      const { backend, model } = await builder.build();
      await work(backend, model);
      expectQemuAgrees(backend, model);
      const kept = builder.snapshots[0]?.model as DiskModel;
      expectQemuAgrees(backend, kept, ["-l", "one"]);
    },
  );

  test.skipIf(skips)("agree after a disk of no bytes that QEMU made has grown (needs qemu-img)", async () => {
    qemuImg("create", "-q", "-f", "qcow2", path("empty.qcow2"), "0");
    const backend = MemoryBackend.fromBytes(new Uint8Array(readFileSync(path("empty.qcow2"))));
    const image = await openWritable(backend);
    await image.resize(2 ** 20);
    await image.close();
    const model = new DiskModel(2 ** 20);
    await work(backend, model);
    expectQemuAgrees(backend, model);
  });
});
