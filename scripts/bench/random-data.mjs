// Owns incompressible, repeatable data: dense, and in extents with holes between them.
import { createCipheriv } from "node:crypto";
import { open } from "node:fs/promises";

const CHUNK = 4 * 1024 * 1024;
const CLUSTER = 65536;
const ZEROS = Buffer.alloc(CHUNK);

/** A stream of bytes that no compressor can shorten; the same `key` gives the same bytes. */
function keystream(key) {
  const secret = Buffer.alloc(16);
  secret.writeUInt32BE(key, 12);
  const cipher = createCipheriv("aes-128-ctr", secret, Buffer.alloc(16));
  return (length) => cipher.update(ZEROS.subarray(0, length));
}

/** A raw file of `bytes` random bytes. */
export async function writeDense(path, bytes) {
  await writeExtents(path, bytes, 1, [[0, bytes]]);
}

/**
 * A raw file of which half is allocated: extents and holes take turns, each between 64 KiB and 4 MiB in whole
 * clusters, with lengths spread evenly over the logarithm.
 */
export async function writeHalfAllocated(path, bytes) {
  const random = seeded(42);
  const extents = [];
  let at = 0;
  for (let turn = 0; at < bytes; turn++) {
    const wanted = Math.ceil(2 ** (16 + 6 * random()) / CLUSTER) * CLUSTER;
    const length = Math.min(wanted, bytes - at);
    if (turn % 2 === 1) extents.push([at, length]);
    at += length;
  }
  await writeExtents(path, bytes, 2, extents);
}

async function writeExtents(path, bytes, key, extents) {
  const take = keystream(key);
  const file = await open(path, "w");
  try {
    await file.truncate(bytes);
    for (const [start, length] of extents) {
      for (let done = 0; done < length; done += CHUNK) {
        const piece = take(Math.min(CHUNK, length - done));
        await file.write(piece, 0, piece.length, start + done);
      }
    }
  } finally {
    await file.close();
  }
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
