#!/usr/bin/env node
// Owns the proof that a real file system shrinks: an ext4 of files is encoded, half of the files are deleted, what is free is
// discarded as fstrim does, and the image is compacted. The file system must be clean, the files that remain must be whole,
// and the file as long as what it holds. Needs no root: debugfs writes and deletes.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWritable } from "../packages/backend-node/dist/index.js";
import { Qcow2Image } from "../packages/engine/dist/index.js";
import { hasTool, run } from "./bench/tool.mjs";
import { Random } from "./oracle/random.mjs";

const PROGRAM = fileURLToPath(new URL("../packages/cli/bin/run.js", import.meta.url));
const TOOLS = ["mke2fs", "debugfs", "dumpe2fs", "fsck.ext4", "qemu-img"];
const DISK_BYTES = 256 * 1024 * 1024;
const BLOCK = 4096;
const FILES = 150;
const SIZE_RATIO_MAX = 1.02;

const lacking = TOOLS.filter((tool) => !hasTool(tool));
if (lacking.length > 0) {
  console.log(`SKIPPED: ${lacking.join(", ")} missing`);
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}
const folder = await mkdtemp(join(tmpdir(), "qcow-ext4-"));
try {
  await main(join(folder, "disk.raw"), join(folder, "disk.qcow2"), join(folder, "after.raw"));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function main(raw, image, after) {
  const sums = await makeFiles(raw);
  await run(process.execPath, [PROGRAM, "encode", raw, image]);
  const names = [...sums.keys()];
  await debugfs(
    raw,
    names.filter((_, index) => index % 2 === 1).map((name) => `rm ${name}`),
  );
  await takeOver(raw, image, await freeBlocks(raw));
  const sizeBefore = (await stat(image)).size;
  await run(process.execPath, [PROGRAM, "compact", image]);
  const { size } = await stat(image);
  await run("qemu-img", ["check", "-q", image]);
  await run(process.execPath, [PROGRAM, "decode", image, after]);
  await run("fsck.ext4", ["-fn", after]);
  for (const name of names.filter((_, index) => index % 2 === 0)) {
    await debugfs(after, [`dump ${name} ${join(folder, "dumped")}`]);
    const sum = sha256(await readFile(join(folder, "dumped")));
    if (sum !== sums.get(name)) throw new Error(`${name} is not what it was`);
  }
  const { stdout } = await run(process.execPath, [PROGRAM, "check", "--json", image]);
  const { "allocated-clusters": clusters } = JSON.parse(stdout);
  // Header, refcount table and block, L1, and one L2 table: the disk has no more.
  const needed = (clusters + 5) * 65536;
  console.log(
    `${names.length / 2} of ${names.length} files remain; ${sizeBefore} bytes became ${size}, ` +
      `x${(size / needed).toFixed(3)} of ${clusters} data clusters and tables`,
  );
  if (size > needed * SIZE_RATIO_MAX) throw new Error("the file is longer than what it holds");
}

/** The file system in `raw`; resolves with the SHA-256 of its files by name. */
async function makeFiles(raw) {
  const file = await open(raw, "w");
  await file.truncate(DISK_BYTES);
  await file.close();
  await run("mke2fs", ["-q", "-t", "ext4", "-b", `${BLOCK}`, "-F", raw]);
  await mkdir(join(folder, "files"));
  const random = new Random(1);
  const sums = new Map();
  for (let index = 0; index < FILES; index++) {
    const bytes = Buffer.alloc(1 + random.below(2 ** 21));
    for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(random.bits(), at);
    const name = `file-${index}`;
    await writeFile(join(folder, "files", name), bytes);
    sums.set(name, sha256(bytes));
  }
  await debugfs(
    raw,
    [...sums.keys()].map((name) => `write ${join(folder, "files", name)} ${name}`),
  );
  return sums;
}

async function debugfs(raw, commands) {
  const script = join(folder, "commands");
  await writeFile(script, `${commands.join("\n")}\n`);
  await run("debugfs", ["-w", "-f", script, raw]);
}

/** Ranges of free blocks: first and last. */
async function freeBlocks(raw) {
  const { stdout } = await run("dumpe2fs", [raw]);
  const lists = [...stdout.matchAll(/^ {2}Free blocks: (.+)$/gm)].flatMap(([, list]) => list.split(", "));
  return lists.filter(Boolean).map((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return [first, last];
  });
}

/** Writes to the image what the deletions changed in `raw`, and discards what is free. */
async function takeOver(raw, path, free) {
  const backend = await openWritable(path);
  const image = await Qcow2Image.open(backend);
  const disk = await readFile(raw);
  const [old, isFree] = [Buffer.alloc(BLOCK), new Set(free.flatMap(([a, b]) => blocksOf(a, b)))];
  for (let at = 0; at < disk.length; at += BLOCK) {
    if (isFree.has(at / BLOCK)) continue;
    await image.read(at, old);
    const block = disk.subarray(at, at + BLOCK);
    if (!old.equals(block)) await image.write(at, block);
  }
  for (const [first, last] of free) await image.discard(first * BLOCK, (last - first + 1) * BLOCK);
  await image.close();
  await backend.close();
}

function blocksOf(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
