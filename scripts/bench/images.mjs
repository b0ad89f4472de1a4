// Owns the images that are measured: what each is, and making the missing ones. Sizes are for scale 1.
import { access, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFilesystem } from "./filesystem.mjs";
import { writeFragmentedImage } from "./fragmented-image.mjs";
import { writeDense, writeHalfAllocated } from "./random-data.mjs";
import { hasTool, run } from "./tool.mjs";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));

const MIB = 1024 * 1024;

/** Letter -> how it is made; `from` writes the raw disk, `convert` are the options that turn it into qcow2. */
const RECIPES = {
  a: { about: "dense random data, 2 GiB", mib: 2048, from: writeDense, convert: [] },
  b: { about: "4 GiB, half allocated in random extents", mib: 4096, from: writeHalfAllocated, convert: [] },
  c: {
    about: "1 GiB ext4 of real files, zlib",
    mib: 1024,
    from: writeFilesystem,
    convert: compressed("zlib"),
  },
  d: { about: "the same, zstd", mib: 1024, from: writeFilesystem, convert: compressed("zstd") },
  f: { about: "1 TiB, preallocation=metadata", mib: 1048576, create: ["-o", "preallocation=metadata"] },
  f2: { about: "1 TiB, every second cluster, scattered", mib: 1048576, write: writeFragmentedImage },
  half: { about: "4 GiB written in full, every other cluster discarded", mib: 4096, write: writePattern },
  small: { about: "64 MiB, at every scale", mib: 64, unscaled: true, write: writeFragmentedImage },
};

function compressed(type) {
  return ["-c", "-o", `compression_type=${type}`];
}

/** Makes those of the named images that `folder` lacks. Returns the names of those that could not be made. */
export async function ensureImages(folder, names, scale, say) {
  await mkdir(folder, { recursive: true });
  const lacking = [];
  for (const name of names) {
    const path = join(folder, `${name}.qcow2`);
    if (await exists(path)) continue;
    const recipe = RECIPES[name];
    const tool = ["qemu-img", "mke2fs"].find((each) => needs(recipe, each) && !hasTool(each));
    if (tool !== undefined) {
      say(`image ${name} cannot be made: ${tool} is missing`);
      lacking.push(name);
      continue;
    }
    say(`making image ${name} (at scale 1: ${recipe.about})`);
    await make(recipe, path, recipe.unscaled ? 1 : scale);
  }
  return lacking;
}

const needs = (recipe, tool) =>
  tool === "mke2fs"
    ? recipe.from === writeFilesystem
    : recipe.from !== undefined || recipe.create !== undefined;

/** Under another name until it is whole, so that an interrupted run leaves nothing that looks like an image. */
async function make(recipe, path, scale) {
  const part = `${path}.part`;
  const bytes = Math.max(1, Math.floor(recipe.mib * scale)) * MIB;
  if (recipe.write) await recipe.write(part, bytes);
  else if (recipe.create)
    await run("qemu-img", ["create", "-q", "-f", "qcow2", ...recipe.create, part, `${bytes}`]);
  else await convert(recipe, part, bytes);
  await rename(part, path);
}

async function convert(recipe, part, bytes) {
  const raw = `${part}.raw`;
  await recipe.from(raw, bytes);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", ...recipe.convert, raw, part]);
  await rm(raw);
}

async function writePattern(path, bytes) {
  await rm(path, { force: true });
  await run(process.execPath, [PROGRAM, "pattern", path, "--size", `${bytes}`, "--pattern", "2"]);
}

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );
