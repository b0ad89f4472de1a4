// Owns the commands that are killed and the images they work on. Each image says how a run starts, and what its disk may hold
// before and after.
import { constants } from "node:fs";
import { copyFile, open, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { run } from "../bench/tool.mjs";
import { patchRefcounts } from "./patch-refcounts.mjs";

const MIB = 1024 * 1024;
const DISK_BYTES = 32 * MIB;
const PATCH_BYTES_MAX = 320 * 1024;
/** Length of the disk that `encode` replaces. */
const OLD_BYTES = 1024 * MIB;
/** Where `write` writes, off all grids but that of sectors, and how much. */
const WRITE_AT = 3 * MIB + 1536;
const WRITE_BYTES = DISK_BYTES - 8 * MIB;

/** What is freed in front of a compaction. */
const HOLE_AT = 2 * MIB;
const HOLE_BYTES = DISK_BYTES / 2;

/** So many clusters that a command commits several times, and refcounts are stale in between. */
const LAZY = ["-o", "lazy_refcounts=on,cluster_size=512"];

/** Images that differ in how they are written to. */
const GEOMETRIES = [
  ["plain", []],
  ["lazy", LAZY],
  ["small", ["-o", "cluster_size=4k"]],
  ["subclusters", ["-o", "extended_l2=on"]],
  ["old", ["-o", "compat=0.10"]],
  ["packed", ["-c"]],
];

/** New images, by the options of `encode`; every second one replaces an older file. */
const ENCODINGS = [
  ["plain", []],
  ["small", ["--cluster-size", "512"]],
  ["strict", ["--strict-refcounts"]],
  ["packed", ["--compress"]],
  ["mapped", ["--preallocation", "metadata"]],
  ["subclusters", ["--extended-l2"]],
];

/** The commands, and the images of each. */
export const preparations = {
  encode: prepareEncode,
  write: prepareWrite,
  discard: prepareDiscard,
  repair: prepareRepair,
  compact: prepareCompact,
};

/** Makes what all images have in common: their disk, as a raw file, and zeros of the same length. */
export async function makeDisk(folder, random) {
  const disk = { folder, raw: join(folder, "disk.raw"), zeros: join(folder, "zeros.raw") };
  disk.bytes = patches(random, DISK_BYTES);
  await writeFile(disk.raw, disk.bytes);
  const file = await open(disk.zeros, "w");
  await file.truncate(DISK_BYTES);
  await file.close();
  return disk;
}

async function prepareEncode(disk) {
  return ENCODINGS.map(([name, flags], index) => {
    const replaces = index % 2 === 1;
    return {
      name,
      image: "out.qcow2",
      makesImage: true,
      replacedBytes: replaces ? OLD_BYTES : undefined,
      before: disk.zeros,
      after: disk.raw,
      start: async (place) => {
        const out = join(place, "out.qcow2");
        if (replaces) await run("qemu-img", ["create", "-q", "-f", "qcow2", out, `${OLD_BYTES}`]);
        return ["encode", disk.raw, out, ...flags];
      },
    };
  });
}

async function prepareWrite(disk, random) {
  const input = join(disk.folder, "write.input");
  const after = join(disk.folder, "write.after");
  const written = patches(random, WRITE_BYTES);
  await writeFile(input, written);
  const changed = Buffer.from(disk.bytes);
  changed.set(written, WRITE_AT);
  await writeFile(after, changed);
  const start = (path) => ["write", path, "--offset", `${WRITE_AT}`, "--input", input];
  const images = await converted(disk, "write", GEOMETRIES);
  images.push(await withSnapshot(disk), await overlaid(disk));
  return images.map((image) => ({ ...changing(image, start), before: disk.raw, after }));
}

async function prepareDiscard(disk) {
  const choices = GEOMETRIES.map(([name, options]) => [name, ["-S", "0", ...options]]);
  const images = await converted(disk, "discard", choices);
  const start = (path) => ["discard", path];
  return images.map((image) => ({ ...changing(image, start), before: disk.raw, after: disk.raw }));
}

// Images with a hole in the midst of the file, for everything behind it to go to.
async function prepareCompact(disk) {
  const before = Buffer.from(disk.bytes);
  before.fill(0, HOLE_AT, HOLE_AT + HOLE_BYTES);
  const raw = join(disk.folder, "compact.raw");
  await writeFile(raw, before);
  const images = await converted(disk, "compact", GEOMETRIES);
  const zero = ["-c", `write -z ${HOLE_AT} ${HOLE_BYTES}`, "-c", `discard ${HOLE_AT} ${HOLE_BYTES}`];
  for (const { files } of images) await run("qemu-io", ["-f", "qcow2", ...zero, files[0]]);
  const start = (path) => ["compact", path];
  return images.map((image) => ({ ...changing(image, start), before: raw, after: raw }));
}

async function prepareRepair(disk, random) {
  const faults = {
    "too low": () => 0,
    "too high": (count) => count + 1,
    "any number": (count) => (random.oneIn(3) ? random.below(4) : count),
  };
  const choices = Object.keys(faults).map((name) => [name, ["-o", "cluster_size=512"]]);
  const images = await converted(disk, "repair", choices);
  for (const { name, files } of images) await patchRefcounts(files[0], faults[name]);
  const start = (path) => ["repair", path];
  return images.map((image) => ({ ...changing(image, start), before: disk.raw, after: disk.raw }));
}

/** A command that changes a copy of an image, whose other files are beside it. */
function changing({ name, files }, start) {
  const image = basename(files[0]);
  return {
    name,
    image,
    start: async (place) => {
      for (const file of files) await copyFile(file, join(place, basename(file)), constants.COPYFILE_FICLONE);
      return start(join(place, image));
    },
  };
}

async function converted(disk, command, choices) {
  const images = [];
  for (const [name, options] of choices) {
    const image = join(disk.folder, `${command} ${name}.qcow2`);
    await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", ...options, disk.raw, image]);
    images.push({ name, files: [image] });
  }
  return images;
}

async function withSnapshot(disk) {
  const [image] = await converted(disk, "write", [["snapshot", LAZY]]);
  await run("qemu-img", ["snapshot", "-c", "first", image.files[0]]);
  return image;
}

async function overlaid({ folder, raw }) {
  const image = join(folder, "write overlay.qcow2");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", basename(raw), "-F", "raw", image]);
  return { name: "overlay", files: [image, raw] };
}

/** A disk of patches: random bytes, one byte over and over, or zeros. */
function patches(random, length) {
  const disk = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const end = Math.min(length, at + 512 + random.below(PATCH_BYTES_MAX));
    const kind = random.below(4);
    if (kind === 0) fillRandom(random, disk.subarray(at, end));
    else if (kind < 3) disk.fill(1 + random.below(255), at, end);
    at = end;
  }
  return disk;
}

function fillRandom(random, bytes) {
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(random.bits(), at);
}
