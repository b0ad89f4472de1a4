// Owns the random images that are shuffled: geometry, writes of all kinds, a snapshot now and then. By the engine, in memory;
// QEMU makes the snapshots.
import { readFile, rm, writeFile } from "node:fs/promises";
import { MemoryBackend } from "../../packages/backend-memory/dist/index.js";
import { nodeCompression } from "../../packages/backend-node/dist/index.js";
import { createImage, Qcow2Image } from "../../packages/engine/dist/index.js";
import { run } from "../bench/tool.mjs";
import { pickGeometry } from "../oracle/geometry.mjs";

const compression = nodeCompression();
const WRITES = 30;

/** An image that stands alone, as bytes, and what its disk holds. `path` is free to be used meanwhile. */
export async function randomImage(random, path, { snapshots }) {
  const geometry = pickGeometry(random);
  let backend = new MemoryBackend({ label: "random" });
  const { size, version, clusterSize, refcountBits, extendedL2, lazyRefcounts, zstd } = geometry;
  const compressionMethod = zstd ? "zstd" : "deflate";
  await createImage(backend, {
    size,
    version,
    clusterSize,
    refcountBits,
    extendedL2,
    lazyRefcounts,
    compressionMethod,
  });
  const disk = new Uint8Array(size);
  await change(backend, disk, random, geometry);
  // A snapshot adds to all refcounts, which those of compressed clusters must have room for.
  if (snapshots && refcountBits >= 16 && random.oneIn(2)) {
    backend = await withSnapshot(backend, path);
    await change(backend, disk, random, geometry);
  }
  return { image: backend.toBytes(), disk, geometry };
}

async function withSnapshot(backend, path) {
  await writeFile(path, backend.toBytes());
  await run("qemu-img", ["snapshot", "-c", "first", path]);
  const copy = new MemoryBackend({ label: "random" });
  await copy.write(0, await readFile(path));
  await rm(path);
  return copy;
}

async function change(backend, disk, random, { clusterSize }) {
  const image = await Qcow2Image.open(backend, { compression });
  for (let count = random.below(WRITES); count >= 0; count--) {
    const cluster = random.below(Math.ceil(disk.length / clusterSize)) * clusterSize;
    const length = Math.min(disk.length - cluster, clusterSize * (1 + random.below(6)));
    const bytes = contents(random, length);
    const dice = random.below(10);
    if (dice < 4) {
      await image.write(cluster, bytes);
      disk.set(bytes, cluster);
    } else if (dice < 8) {
      await image.writeCompressed(cluster, bytes);
      disk.set(bytes, cluster);
    } else {
      await (dice === 8 ? image.discard(cluster, length) : image.writeZeroes(cluster, length));
      disk.fill(0, cluster, cluster + length);
    }
    if (random.oneIn(4)) await image.flush();
  }
  await image.close();
}

/** Bytes that compress to something between nothing and all. */
function contents(random, length) {
  const bytes = new Uint8Array(length).fill(random.below(256));
  const step = random.pick([1, 2, 7, 100, 3000]);
  for (let at = 0; at < length; at += step) bytes[at] = random.bits();
  return bytes;
}
