// Owns a raw ext4 file system of real files: this machine's shared texts and libraries, until it is about 80% full.
import { copyFile, lstat, mkdir, open, readdir, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "./tool.mjs";

/** Where the files come from and which part of the filling each may take. */
const SOURCES = [
  ["/usr/share", 0.45],
  ["/usr/lib", 0.55],
];
const FULL = 0.8;
const EPOCH_S = 1_700_000_000;
const ID = "11111111-2222-3333-4444-555555555555";

/** Writes a raw ext4 file system of `bytes` at `path`. Needs mke2fs. */
export async function writeFilesystem(path, bytes) {
  const tree = `${path}.tree`;
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree);
  for (const [source, share] of SOURCES) await copyFiles(source, tree, bytes * FULL * share);
  const file = await open(path, "w");
  await file.truncate(bytes);
  await file.close();
  const fixed = ["-U", ID, "-E", `hash_seed=${ID},root_owner=0:0`];
  await run("mke2fs", ["-q", "-F", "-t", "ext4", "-b", "4096", ...fixed, "-d", tree, path], {
    E2FSPROGS_FAKE_TIME: `${EPOCH_S}`,
  });
  await rm(tree, { recursive: true });
}

/** Copies regular files in name order as long as they fit; one that does not fit is passed over. */
async function copyFiles(source, tree, budget) {
  let left = budget;
  const pending = [source];
  while (pending.length > 0) {
    const folder = pending.pop();
    const entries = (await readdir(folder, { withFileTypes: true }).catch(() => [])).sort(byName);
    const below = entries.filter((entry) => entry.isDirectory()).reverse();
    pending.push(...below.map((entry) => join(folder, entry.name)));
    for (const entry of entries.filter((each) => each.isFile())) {
      const path = join(folder, entry.name);
      const cost = Math.ceil((await lstat(path)).size / 4096) * 4096 + 256;
      if (cost <= left && (await copied(path, join(tree, path)))) left -= cost;
    }
  }
}

const byName = (a, b) => (a.name < b.name ? -1 : 1);

async function copied(path, target) {
  await mkdir(dirname(target), { recursive: true });
  try {
    await copyFile(path, target);
    await utimes(target, EPOCH_S, EPOCH_S);
    return true;
  } catch {
    return false;
  }
}
