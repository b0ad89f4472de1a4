// Takes out of tables what may be contents of the disk. Owns when: entries that make no sense are kept while they are few (a
// damaged entry is what support wants to see), and are not where most are so, or where the guest's disk claims the cluster.

import { type EntryRules, makesSense, type TableKind } from "../survey/entry-sense.js";

/** So many entries without sense, and a quarter of all that say something, and a cluster is no table. */
const SENSELESS_MIN = 8;
const SENSELESS_SHARE = 4;

/**
 * Clears entries of `bytes`, a part of a cluster that is taken for a table. Gives how many. With `isClaimed` it is the
 * guest's by another word of the image.
 */
export function withholdEntries(
  bytes: Uint8Array,
  kind: TableKind,
  rules: EntryRules,
  isClaimed: boolean,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entryBytes = kind === "l2" ? rules.entryBytes : 8;
  const whole = bytes.length - (bytes.length % entryBytes);
  // An entry that the file cuts has no meaning.
  bytes.fill(0, whole);
  let said = 0;
  const senseless: number[] = [];
  for (let at = 0; at < whole; at += entryBytes) {
    const high = view.getUint32(at);
    const low = view.getUint32(at + 4);
    const hasBitmap = entryBytes === 16 && (view.getUint32(at + 8) | view.getUint32(at + 12)) !== 0;
    if ((high | low) === 0 && !hasBitmap) continue;
    said++;
    const isSensible = (high | low) !== 0 || !isClaimed;
    // All ones are what storage that died has, and nobody's contents.
    const isBlank = (high & low) === -1 && !isClaimed;
    if (!isSensible || !(isBlank || makesSense(high, low, kind, rules))) senseless.push(at);
  }
  const isTable = senseless.length < SENSELESS_MIN || senseless.length * SENSELESS_SHARE < said;
  if (isTable && !isClaimed) return 0;
  for (const at of senseless) bytes.fill(0, at, at + entryBytes);
  return senseless.length;
}
