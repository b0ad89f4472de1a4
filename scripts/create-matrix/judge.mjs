// Owns the verdict on one case: QEMU and this project make the same image, or both refuse it.
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { openReadable, openWritable } from "../../packages/backend-node/dist/index.js";
import { checkImage, createImage, isEngineError } from "../../packages/engine/dist/index.js";
import { howItEnded } from "../corpus/command.mjs";
import { createWithPeer, peerCheck, peerInfo, peerUse } from "./peer.mjs";

const SECTOR_BYTES = 512;
const KiB = 1024;
/** How much of a disk is read. */
const READ_BYTES_MAX = 64 * KiB * KiB;

/** Makes both images in folders below `folder`, where the backing files are; resolves with what is wrong. */
export async function judgeCase(one, name, folder) {
  const ours = join(folder, `${name}-ours`);
  const theirs = join(folder, `${name}-theirs`);
  await mkdir(ours);
  await mkdir(theirs);
  try {
    const [peer, refusal] = [await createWithPeer(one, theirs), await createHere(one, ours)];
    if (peer.exit !== 0 || refusal !== undefined) return judgeRefusal(peer, refusal);
    return { accepted: true, problems: await differences(one, ours, theirs) };
  } finally {
    await rm(ours, { recursive: true, force: true });
    await rm(theirs, { recursive: true, force: true });
  }
}

function judgeRefusal(peer, refusal) {
  if (refusal === undefined)
    return { accepted: false, problems: [`made here, but qemu-img: ${howItEnded(peer)}`] };
  if (peer.exit === 0) return { accepted: false, problems: [`refused here: ${refusal}`] };
  return {
    accepted: false,
    problems: isEngineError(refusal, "QCOW2_BAD_OPTION") ? [] : [`wrong refusal: ${refusal}`],
  };
}

/** Makes the image; resolves with the error when that fails. */
async function createHere(one, cwd) {
  const open = (name) => openWritable(join(cwd, name), { create: true, lock: "exclusive" });
  const backend = await open("disk.qcow2");
  const data = one.dataFile === "none" ? undefined : await open("data.raw");
  try {
    await createImage(backend, optionsOf(one, data));
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await backend.close();
    await data?.close();
  }
}

function optionsOf(one, data) {
  return {
    size: one.size,
    clusterSize: one.clusterSize,
    version: one.compat === "0.10" ? 2 : 3,
    refcountBits: one.refcountBits,
    extendedL2: one.extendedL2,
    lazyRefcounts: one.lazy,
    compressionMethod: one.compression === "zstd" ? "zstd" : "deflate",
    preallocation: one.preallocation,
    backingFile: one.backing === "none" ? undefined : { name: `../base.${one.backing}`, format: one.backing },
    dataFile: data && { name: "data.raw", raw: one.dataFile === "raw", backend: data },
  };
}

async function differences(one, ours, theirs) {
  const problems = [];
  const same = (what, mine, other) => {
    if (!isDeepStrictEqual(mine, other))
      problems.push(`${what} ${JSON.stringify(mine)} instead of ${JSON.stringify(other)}`);
  };
  const size = Math.ceil(one.size / SECTOR_BYTES) * SECTOR_BYTES;
  same("info", await peerInfo(ours), await peerInfo(theirs));
  const peer = await peerCheck(ours);
  if (peer.failed) problems.push(`qemu-img check: ${peer.failed}`);
  const [mine, other] = [await checkedHere(ours), await checkedHere(theirs)];
  same("mapped clusters", mine.allocatedClusters, other.allocatedClusters);
  same("mapped clusters for qemu-img", peer["allocated-clusters"] ?? 0, other.allocatedClusters);
  same("check", flawsOf(mine), []);
  if (one.dataFile !== "none") {
    const file = await stat(join(ours, "data.raw"));
    same("length of the data file", file.size, size);
  }
  if (size === 0) return problems;
  const failed = await peerUse(useOf(one, size), ours);
  if (failed !== undefined) problems.push(`qemu-io: ${failed}`);
  same("check after qemu-io", flawsOf(await checkedHere(ours)), []);
  return problems;
}

async function checkedHere(cwd) {
  const backend = await openReadable(join(cwd, "disk.qcow2"));
  try {
    return await checkImage(backend);
  } finally {
    await backend.close();
  }
}

function flawsOf({ corruptions, leaks, checkErrors, findings }) {
  return corruptions + leaks + checkErrors === 0 ? [] : findings.slice(0, 3);
}

/** Reads what the disk holds from the start, writes at both ends, and reads that back. */
function useOf({ backing }, size) {
  const last = size - SECTOR_BYTES;
  const fresh = Math.min(size, READ_BYTES_MAX);
  const held =
    backing === "none" || size < 164 * KiB
      ? [`read -P 0 0 ${fresh}`]
      : ["read -P 0 0 64k", "read -P 3 64k 100k", `read -P 0 164k ${fresh - 164 * KiB}`];
  return [...held, "write -P 7 0 512", `write -P 9 ${last} 512`, `read -P 9 ${last} 512`];
}
