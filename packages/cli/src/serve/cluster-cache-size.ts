// How much of compressed clusters a server keeps in memory when nobody says. Owns the rule; QEMU has no such cache, and
// decompresses a cluster for every read of a part of it.

const MIB = 1024 * 1024;
const SHARE = 1 / 8;
const BYTES_MAX = 1024 * MIB;

/** Bytes for each of `images`, of a host that has `available` bytes of memory to give. */
export function defaultClusterCacheBytes(available: number, images: number): number {
  return Math.floor(Math.min(BYTES_MAX, available * SHARE) / images / MIB) * MIB;
}
