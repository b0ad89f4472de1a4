// Owns the images that are read in every way: an overlay, its compressed backing file, and an image of plain clusters.
// Made by the program itself, so that nothing else is needed.
import { createCipheriv } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";

const CLUSTER = 65536;
const CLUSTERS = 384;

/** Their file names. What they have: holes, what compresses and what does not, in turns. */
export const NAMES = { overlay: "overlay.qcow2", packed: "packed.qcow2", plain: "plain.qcow2" };

/** Makes them in `folder`; `cli(args, { cwd })` runs the program. */
export async function makeImages(folder, cli) {
  await mkdir(folder);
  const run = async (...args) => {
    const ended = await cli(args, { cwd: folder });
    if (ended.exit !== 0) throw new Error(`qcow ${args.join(" ")}: ${ended.stderr}`);
  };
  await writeRaw(join(folder, "disk.raw"));
  await run("encode", "disk.raw", NAMES.plain);
  await run("encode", "disk.raw", NAMES.packed, "--compress");
  await run("create", NAMES.overlay, "-b", NAMES.packed, "-F", "qcow2");
  for (const at of [0, 7, 200, CLUSTERS - 3]) {
    const where = ["--offset", `${at * CLUSTER + 512}`];
    await run("write", NAMES.overlay, ...where, "--text", `written at ${at}`.repeat(3000));
  }
}

async function writeRaw(path) {
  const random = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));
  const file = await open(path, "w");
  try {
    for (let cluster = 0; cluster < CLUSTERS; cluster++) {
      const contents = random.update(Buffer.alloc(CLUSTER));
      if (cluster % 8 >= 6) continue;
      // Three quarters of it compress well.
      if (cluster % 2 === 1) contents.fill(`cluster ${cluster} `, CLUSTER / 4);
      await file.write(contents, 0, CLUSTER, cluster * CLUSTER);
    }
    await file.truncate(CLUSTERS * CLUSTER);
  } finally {
    await file.close();
  }
}
