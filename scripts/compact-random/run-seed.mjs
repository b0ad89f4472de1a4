// Owns one disk of the long random test: what is done to it, and what must be true of it after each compaction.
import { MemoryBackend } from "../../packages/backend-memory/dist/index.js";
import { ForwardingBackend } from "../../packages/block/dist/index.js";
import { checkImage, compactImage, createImage, Qcow2Image } from "../../packages/engine/dist/index.js";
import { Random } from "../oracle/random.mjs";

const CLUSTERS = 128;
const STEPS_BETWEEN = 20;
/** Small enough for a cache of the processor, since whole disks are compared again and again. */
const PART_BYTES = 256 * 1024;
const CLUSTER_BITS = [9, 21];
/** By so much a file may be longer once its clusters are in order: the last one is whole, and what counted the spare room stays. */
const GROWTH_CLUSTERS_MAX = 8;

/** A file that outlives the images that are opened on it. */
class Kept extends ForwardingBackend {
  async close() {}
}

/** Does `steps` steps; resolves with what that came to, rejects with what is wrong. */
export async function runSeed(seed, steps) {
  const began = performance.now();
  const [first, last] = CLUSTER_BITS;
  const clusterSize = 2 ** (first + (seed % (last - first + 1)));
  const refcounts = Math.floor(seed / (last - first + 1)) % 2 === 0 ? "strict" : "lazy";
  const run = { random: new Random(seed), clusterSize, model: Buffer.alloc(CLUSTERS * clusterSize) };
  const backend = new MemoryBackend();
  await createImage(new Kept(backend), { size: run.model.length, clusterSize });
  const done = { clusterSize, refcounts, steps: 0, compactions: 0, moved: 0, saved: 0 };
  while (done.steps < steps) {
    const punchHoles = run.random.oneIn(2);
    const image = await Qcow2Image.open(new Kept(backend), { refcounts, punchHoles });
    const count = Math.min(steps - done.steps, 1 + run.random.below(2 * STEPS_BETWEEN));
    for (let index = 0; index < count; index++) await step(run, image);
    await image.close();
    done.steps += count;
    const defragment = run.random.oneIn(4);
    const report = await compactImage(backend, { defragment });
    await judge(backend, report, run, defragment ? GROWTH_CLUSTERS_MAX : 0).catch((error) => {
      throw new Error(`seed ${seed}, after ${done.steps} steps: ${error.message}`, { cause: error });
    });
    done.compactions++;
    done.moved += report.clustersMoved;
    done.saved += Math.round((report.sizeBefore - report.sizeAfter) / clusterSize);
  }
  return { ...done, ms: performance.now() - began };
}

/** A write or a discard: of whole clusters, or a part that begins anywhere. */
async function step({ random, clusterSize, model }, image) {
  const cluster = random.below(CLUSTERS) * clusterSize;
  const offset = random.oneIn(2) ? cluster : cluster + random.below(clusterSize);
  const lengths = [1, 512, clusterSize, clusterSize, 1 + random.below(4 * clusterSize)];
  const end = Math.min(offset + random.pick(lengths), model.length);
  if (random.oneIn(2)) {
    const bytes = model.subarray(offset, end).fill(1 + random.below(255));
    // A number that is written once: no two states of a cluster look the same.
    if (bytes.length >= 4) bytes.writeUInt32LE(random.bits(), 0);
    await image.write(offset, bytes);
  } else {
    model.fill(0, offset, end);
    await image.discard(offset, end - offset);
  }
}

async function judge(backend, { sizeBefore, sizeAfter }, { clusterSize, model }, growthMax) {
  const size = await backend.size();
  if (size > sizeBefore + growthMax * clusterSize || size !== sizeAfter)
    throw new Error(`the file has ${size} bytes, had ${sizeBefore}, and should have ${sizeAfter}`);
  const report = await checkImage(backend);
  if (report.findings.length > 0) throw new Error(`a check finds ${report.findings[0].message}`);
  const image = await Qcow2Image.open(new Kept(backend));
  const part = Buffer.alloc(PART_BYTES);
  for (let start = 0; start < model.length; start += PART_BYTES) {
    const expected = model.subarray(start, start + PART_BYTES);
    const bytes = part.subarray(0, expected.length);
    await image.read(start, bytes);
    if (bytes.equals(expected)) continue;
    const at = bytes.findIndex((byte, index) => byte !== expected[index]);
    throw new Error(`byte ${start + at} of the disk is ${bytes[at]}, not ${expected[at]}`);
  }
  await image.close();
}
