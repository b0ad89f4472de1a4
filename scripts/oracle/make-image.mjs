// Owns making the image that a workload starts from, by QEMU or by us, with backing file and snapshot.
import { writeFile } from "node:fs/promises";
import { openWritable } from "../../packages/backend-node/dist/index.js";
import { createImage } from "../../packages/engine/dist/index.js";
import { run } from "../bench/tool.mjs";
import { qemuOptions } from "./geometry.mjs";

/** Makes the image; resolves with what its disk holds. */
export async function makeImage(geometry, paths, random) {
  const disk = new Uint8Array(geometry.size);
  if (geometry.backingBytes !== undefined) {
    const backing = backingBytes(geometry.backingBytes, random);
    await writeFile(paths.backing, backing);
    disk.set(backing.subarray(0, disk.length));
  }
  await (geometry.madeByQemu ? makeByQemu(geometry, paths) : makeByUs(geometry, paths));
  if (!geometry.snapshot) return disk;
  const length = Math.min(geometry.size, 4 * geometry.clusterSize);
  await run("qemu-io", ["-f", "qcow2", "-c", `write -P 7 0 ${length}`, paths.image]);
  await run("qemu-img", ["snapshot", "-c", "first", paths.image]);
  disk.fill(7, 0, length);
  return disk;
}

function backingBytes(length, random) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += random.below(5000) + 1) bytes[at] = random.bits();
  return bytes;
}

async function makeByQemu(geometry, paths) {
  const backing = geometry.backingBytes === undefined ? [] : ["-b", paths.backing, "-F", "raw"];
  const options = ["-o", qemuOptions(geometry, paths.data)];
  await run("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    ...options,
    ...backing,
    paths.image,
    `${geometry.size}`,
  ]);
}

async function makeByUs(geometry, paths) {
  const backend = await openWritable(paths.image, { create: true });
  const data = geometry.dataFile && (await openWritable(paths.data, { create: true }));
  const { version, clusterSize, refcountBits, extendedL2, lazyRefcounts, size } = geometry;
  await createImage(backend, {
    size,
    version,
    clusterSize,
    refcountBits,
    extendedL2,
    lazyRefcounts,
    compressionMethod: geometry.zstd ? "zstd" : "deflate",
    ...(geometry.backingBytes !== undefined && { backingFile: { name: paths.backing, format: "raw" } }),
    ...(data && { dataFile: { name: paths.data, raw: geometry.dataFile === "raw", backend: data } }),
  });
  await data?.close();
  await backend.close();
}
