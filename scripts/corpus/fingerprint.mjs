// Owns telling whether files were touched: contents, length and modification time. Never opens a fifo.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** SHA-256 of a regular file, in hex. */
export async function fileSha256(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

/** What must not change about the named files of a folder; a file that is missing is recorded as missing. */
export async function fingerprints(folder, names) {
  const prints = new Map();
  for (const name of names) prints.set(name, await fingerprint(join(folder, name)));
  return prints;
}

async function fingerprint(path) {
  const stat = await lstat(path, { bigint: true }).catch(() => undefined);
  if (stat === undefined) return { missing: true };
  const sha256 = stat.isFile() ? await fileSha256(path) : "not a regular file";
  return { length: String(stat.size), mtimeNs: String(stat.mtimeNs), mode: String(stat.mode), sha256 };
}

/** Lines naming what changed between two fingerprintings. */
export function touched(before, after) {
  const found = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name) ?? { missing: true };
    const is = after.get(name) ?? { missing: true };
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      if (was[key] !== is[key]) found.push(`${name}: ${key} was ${was[key]}, is ${is[key]}`);
    }
  }
  return found;
}
