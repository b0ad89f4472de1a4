// Owns where an archive of test images is unpacked: once per archive contents, kept between runs.
// It does not know what the archive holds.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * The folder of unpacked images: `given` when the caller has one, else `topFolder` of the archive, unpacked
 * into the temporary folder under a name made from the archive's hash. Undefined when there is no archive.
 */
export async function unpackedFolder({ given, archive, topFolder }) {
  if (given !== undefined) {
    if (!(await exists(given))) throw new Error(`no such folder: ${given}`);
    return given;
  }
  if (!(await exists(archive))) return undefined;
  const digest = createHash("sha256")
    .update(await readFile(archive))
    .digest("hex");
  const home = join(tmpdir(), `qcow-images-${digest.slice(0, 16)}`);
  if (!(await exists(home))) await unpack(archive, home);
  return join(home, topFolder);
}

/** Unpacks beside the target and renames, so that a half-unpacked folder never has the final name. */
async function unpack(archive, home) {
  const part = await mkdtemp(`${home}.part-`);
  await run("tar", ["--use-compress-program=zstd", "-xf", archive, "-C", part]);
  try {
    await rename(part, home);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    if (!(await exists(home))) throw error;
  }
}
