// Images as qcow-tool leaves them, byte by byte: marked dirty, with refcounts that it never wrote. Owns nothing of how they
// are read.

const CLUSTER = 65536;
const COPIED = 1n << 63n;
const L1_OFFSET = 2 * CLUSTER;

/** A new image of `size` bytes. */
export function freshImage(size: bigint): Uint8Array {
  return emptyImage(size, 3);
}

/** A disk of 1 GiB with one sector written at 0 and one at 512 MiB: an L2 table, its data, the other one, its data. */
export function usedImage(): Uint8Array {
  const bytes = emptyImage(1n << 30n, 7);
  const view = new DataView(bytes.buffer);
  for (const [index, table] of [3, 5].entries()) {
    view.setBigUint64(L1_OFFSET + 8 * index, BigInt(table * CLUSTER) | COPIED);
    view.setBigUint64(table * CLUSTER, BigInt((table + 1) * CLUSTER) | COPIED);
    bytes.fill(0x41 + index, (table + 1) * CLUSTER, (table + 1) * CLUSTER + 512);
  }
  return bytes;
}

/** Cluster 0 is the header, 1 the refcount table, 2 the L1 table. */
function emptyImage(size: bigint, clusters: number): Uint8Array {
  const bytes = new Uint8Array(clusters * CLUSTER);
  const view = new DataView(bytes.buffer);
  const words: readonly (readonly [number, number])[] = [
    [0, 0x514649fb],
    [4, 3],
    [20, 16],
    [36, Number((size + (1n << 29n) - 1n) >> 29n)],
    [56, 1],
    [96, 4],
    [100, 104],
    [104, 0x6803f857],
    [108, 144],
  ];
  for (const [offset, word] of words) view.setUint32(offset, word);
  view.setBigUint64(24, size);
  view.setBigUint64(40, BigInt(L1_OFFSET));
  view.setBigUint64(48, BigInt(CLUSTER));
  view.setBigUint64(72, 1n);
  view.setBigUint64(80, 1n);
  const names = [
    [0, 0, "dirty bit"],
    [0, 1, "corrupt bit"],
    [1, 0, "lazy refcounts"],
  ] as const;
  for (const [index, [kind, bit, name]] of names.entries()) {
    bytes.set([kind, bit, ...new TextEncoder().encode(name)], 112 + 48 * index);
  }
  return bytes;
}
