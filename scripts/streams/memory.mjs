// Owns the proof of bounded memory: an image of a large disk, in an order that suits nobody, decoded with the usual memory.
import { createReadStream } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { openWritable } from "../../packages/backend-node/dist/index.js";
import { createImage, Qcow2Image } from "../../packages/engine/dist/index.js";
import { timedRun } from "../bench/timing.mjs";
import { Random } from "../oracle/random.mjs";
import { shuffled } from "./shuffle.mjs";

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * 1024 * MIB;
const MEMORY_BYTES = 64 * MIB;
const REST_BYTES_MAX = 150 * MIB;

/** Decodes a disk of 64 GiB with a cluster of data every `stepBytes`; resolves with a line for each order. */
export async function judgeMemory(folder, program, stepBytes) {
  const path = join(folder, "large.qcow2");
  const out = join(folder, "large.raw");
  await makeImage(path, stepBytes);
  const lines = [];
  try {
    for (const order of ["as written", "shuffled"]) {
      if (order === "shuffled") await shuffleFile(path);
      const command = [process.execPath, program, "stream-decode", out, "--input", path, "--memory", "64M"];
      const { peakRssBytes, wallS } = await timedRun(command, { cwd: folder, stdout: "ignore" });
      const failures = await wrongClusters(out, stepBytes);
      const isRight = failures === 0 && peakRssBytes < MEMORY_BYTES + REST_BYTES_MAX;
      const text = `64 GiB, ${order}: ${(peakRssBytes / MIB).toFixed(0)} MiB resident at most, ${wallS.toFixed(1)} s, ${failures} wrong clusters`;
      lines.push({ isRight, text });
      await rm(out);
    }
  } finally {
    await rm(path, { force: true });
    await rm(out, { force: true });
  }
  return lines;
}

/** The contents at `offset`, unlike those anywhere else. */
function contentsAt(offset) {
  const bytes = Buffer.alloc(65536, offset / 65536 + 1);
  bytes.writeDoubleBE(offset, 0);
  return bytes;
}

async function makeImage(path, stepBytes) {
  const backend = await openWritable(path, { create: true, truncate: true });
  await createImage(backend, { size: DISK_BYTES });
  const image = await Qcow2Image.open(backend);
  for (let at = 0; at < DISK_BYTES; at += stepBytes) await image.write(at, contentsAt(at));
  await image.close();
  await backend.close();
}

async function shuffleFile(path) {
  const bytes = shuffled(await readFile(path), new Random(1));
  const file = await open(path, "w");
  await file.writeFile(bytes);
  await file.close();
}

async function wrongClusters(out, stepBytes) {
  let wrong = 0;
  for (let at = 0; at < DISK_BYTES; at += stepBytes) {
    const chunks = [];
    for await (const chunk of createReadStream(out, { start: at, end: at + 2 * 65536 - 1 }))
      chunks.push(chunk);
    const isRight =
      Buffer.compare(Buffer.concat(chunks), Buffer.concat([contentsAt(at), Buffer.alloc(65536)])) === 0;
    if (!isRight) wrong++;
  }
  return wrong;
}
