// Owns reading the recorded answers that lie beside the images: NAME.json beside NAME.qcow2.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** All recorded images of a folder in name order, or only those named. An unknown name is an error. */
export async function recordedImages(folder, only) {
  const entries = await readdir(folder);
  const names = entries
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no such image in ${folder}: ${unknown.join(", ")}`);
  const wanted = only.length > 0 ? only : names.sort();
  return Promise.all(
    wanted.map(async (name) => JSON.parse(await readFile(join(folder, `${name}.json`), "utf8"))),
  );
}

/** Contents of these images need a key, so reading them must be refused. */
export const isEncrypted = (image) => image.info.json.encrypted === true;

/** What the contents of a snapshot hash to: as applied, or where QEMU could not apply it, as converted. */
export const snapshotSha256 = (snapshot) => snapshot.sha256 ?? snapshot.convert_l?.sha256;
