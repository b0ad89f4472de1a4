// Owns judging one image of the corpus: every aspect in turn, then whether its files were left alone.
import { chain, check, info, map } from "./answers.mjs";
import { compact } from "./compact.mjs";
import { decode, snapshots, wholeDisk } from "./contents.mjs";
import { fingerprints, touched } from "./fingerprint.mjs";
import { repair } from "./repair.mjs";

/** What is read, wherever the image is. */
export const READING = { contents: wholeDisk, check, map, info, chain, snapshots };
export const ASPECTS = { ...READING, decode, repair, compact };

/** Names of the columns, in the order of the table. */
export const columnsOf = (aspects) => [...Object.keys(aspects), "untouched"];

/** Runs every aspect of one image; the result maps an aspect to its differences (undefined: not applicable). */
export async function judge(image, wanted, { folder, scratch, cli }) {
  const before = await fingerprints(folder, image.files);
  const aspects = {};
  for (const [name, aspect] of Object.entries(wanted)) {
    aspects[name] = await aspect(image, cli, { scratch, folder }).catch((error) => [
      `the judge failed: ${error.stack}`,
    ]);
  }
  const after = await fingerprints(folder, image.files);
  aspects.untouched = [...damaged(image, before), ...touched(before, after)];
  return { name: image.name, aspects };
}

/** An image that already differs from its record proves nothing, so it fails rather than being skipped. */
function damaged(image, before) {
  return image.files
    .filter((name) => before.get(name).sha256 !== image.file_sha256[name])
    .map((name) => `${name} differs from the archive: delete the unpacked folder and run again`);
}
