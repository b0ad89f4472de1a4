// Owns copies of an image for the aspects that change it: a folder of their own, removed afterwards.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** Runs `judge` in a folder that has copies of the image's files. */
export async function onCopy(image, { scratch, folder }, judge) {
  const copy = await mkdtemp(join(scratch, `${image.name}-`));
  try {
    for (const name of image.files) await cp(join(folder, name), join(copy, name));
    return await judge(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
