// Owns what must be true of an image after its command was ended: it opens, nothing about it is corrupt, and its disk holds
// what was promised. Images that the dirty bit declares stale are repaired first.
import { access, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nodeCompression, openReadable } from "../../packages/backend-node/dist/index.js";
import { checkImage, Qcow2Reader, readMetadata } from "../../packages/engine/dist/index.js";
import { isFormatError } from "../../packages/format/dist/index.js";
import { run } from "../bench/tool.mjs";
import { compactedAgain, sameDisk } from "./compacted.mjs";
import { repaired } from "./repaired.mjs";

const DIRTY = 1n;
const INTERRUPTED = 130;
const BLOCK_BYTES = 65_536;
/** Exit codes of checks: 0 clean, 3 leaks only. */
const SOUND = [0, 3];

/** Judges what a run left at `one.image`; resolves with a word for it, rejects with what is wrong. */
export async function judge(one, place, { code, signal }) {
  const path = join(place, one.image);
  const isFinished = code === 0;
  if (signal === null && !isFinished && code !== INTERRUPTED) throw new Error("it failed by itself");
  const { state, virtualSize } = await stateOf(path);
  if (!state.isImage) {
    if (isFinished || !one.makesImage) throw new Error(`there is ${state.word}`);
    return state.word;
  }
  if (one.makesImage && one.replacedBytes === undefined && code === INTERRUPTED)
    throw new Error("the unfinished output is still there");
  if (virtualSize === one.replacedBytes && !isFinished) {
    await judgeRefcounts(path);
    return "as it was";
  }
  if (one.command === "compact-half") {
    await judgeCompacted(one, path, state);
    return isFinished ? "finished" : state.word;
  }
  await judgeDisk(one, path, isFinished);
  if (one.command === "repair" || state.isDirty) await judgeAgain(one, path, isFinished);
  else await judgeRefcounts(path);
  return isFinished ? "finished" : state.word;
}

/** After a repair, nothing at all is wrong. */
async function judgeAgain(one, path, isFinished) {
  await repaired(path);
  await judgeDisk(one, path, isFinished);
  const found = await judgeRefcounts(path);
  if (found.some((code) => code !== 0)) throw new Error("there are leaks after a repair");
}

/** The disk is as it was, at most leaks are found, and another compaction leaves none of them. */
async function judgeCompacted({ before }, path, { isDirty }) {
  await sameDisk(path, before);
  if (!isDirty) await judgeRefcounts(path);
  await compactedAgain(path, before);
  const found = await judgeRefcounts(path);
  if (found.some((code) => code !== 0)) throw new Error("there are leaks after a compaction");
}

async function stateOf(path) {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) return { state: { isImage: false, word: "no file" } };
  const backend = await openReadable(path);
  try {
    const { header, geometry } = await readMetadata(backend);
    const isDirty = (header.incompatibleFeatures & DIRTY) !== 0n;
    const state = { isImage: true, isDirty, word: isDirty ? "an image to be repaired" : "a sound image" };
    return { state, virtualSize: geometry.virtualSize };
  } catch (error) {
    // An empty file, or one whose header was not written yet.
    if (isFormatError(error, "QCOW2_BAD_MAGIC", "QCOW2_TRUNCATED"))
      return { state: { isImage: false, word: "no image" } };
    throw error;
  } finally {
    await backend.close();
  }
}

/** Both checks must find nothing but leaks; resolves with their exit codes. */
async function judgeRefcounts(path) {
  const backend = await openReadable(path);
  const report = await checkImage(backend).finally(() => backend.close());
  const ours = report.corruptions + report.checkErrors > 0 ? 2 : report.leaks > 0 ? 3 : 0;
  const theirs = await run("qemu-img", ["check", "-q", "-f", "qcow2", path]).then(
    () => 0,
    (error) => error.code,
  );
  if (SOUND.includes(ours) && SOUND.includes(theirs)) return [ours, theirs];
  const findings = report.findings.slice(0, 5).map(({ message }) => message);
  throw new Error(`check: ${ours}, qemu-img check: ${theirs}; ${findings.join("; ")}`);
}

/** Every byte is one of before or after; of after, when the command has finished. */
async function judgeDisk(one, path, isFinished) {
  const disk = await readDisk(path);
  const after = await readFile(one.after);
  const before = isFinished ? after : await readFile(one.before);
  if (disk.length !== after.length) throw new Error(`the disk has ${disk.length} bytes, not ${after.length}`);
  for (let at = 0; at < disk.length; at += BLOCK_BYTES) {
    const part = [disk, before, after].map((bytes) => bytes.subarray(at, at + BLOCK_BYTES));
    if (part[0].equals(part[2]) || part[0].equals(part[1])) continue;
    const wrong = part[0].findIndex((byte, index) => byte !== part[1][index] && byte !== part[2][index]);
    if (wrong >= 0) throw new Error(`byte ${at + wrong} is neither as before nor as after`);
  }
}

async function readDisk(path) {
  const backend = await openReadable(path);
  const reader = await Qcow2Reader.open(backend, {
    compression: nodeCompression(),
    openReference: async ({ name }) => ({
      backend: await openReadable(join(dirname(path), basename(name))),
    }),
  });
  try {
    const disk = Buffer.alloc(reader.virtualSize);
    await reader.read(0, disk);
    return disk;
  } finally {
    await reader.close();
    await backend.close();
  }
}
