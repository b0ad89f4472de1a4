// Owns the operations of a session: what is done, in which order, to which bytes. Does not do it.

/** One random operation on a disk of `size` bytes. */
export function pickOperation(random, size, { clusterSize, version, snapshot }) {
  const offset = random.below(size);
  const length = Math.min(
    size - offset,
    random.oneIn(3) ? random.below(3 * clusterSize) + 1 : random.below(512) + 1,
  );
  const long = (times) => Math.min(size - offset, length * times);
  const cluster = offset - (offset % clusterSize);
  const clusters = Math.min(size - cluster, clusterSize * (1 + random.below(5)));
  const dice = random.below(100);
  if (dice < 40) return { kind: "write", offset, length, pattern: random.bits() };
  if (dice < 52) return { kind: "zero", offset, length: long(4), unmap: random.oneIn(2) };
  if (dice < 67) return { kind: "discard", offset, length: long(8) };
  if (dice < 77) return { kind: "compressed", offset: cluster, length: clusters, pattern: random.bits() };
  if (dice < 84) return { kind: "flush" };
  if (dice < 89 && !(version === 2 && snapshot)) {
    const sectors = Math.floor((size * (50 + random.below(120))) / 100 / 512);
    return { kind: "resize", size: Math.max(512, Math.min(8 * 1024 * 1024, sectors * 512)) };
  }
  return { kind: "read", offset, length };
}

/** One that qemu-io does in the same way: whole sectors, discards of whole clusters, no resizing. */
export function pickQemuOperation(random, size, { clusterSize, version, backingBytes, dataFile }) {
  const toSector = (value) => value - (value % 512);
  const offset = toSector(random.below(size));
  const length = Math.min(size - offset, 512 * (1 + random.below(Math.ceil((3 * clusterSize) / 512))));
  const cluster = offset - (offset % clusterSize);
  const whole = Math.min(size - cluster, clusterSize * (1 + random.below(4)));
  const dice = random.below(100);
  const pattern = 1 + random.below(255);
  if (dice < 50) return { kind: "write", offset, length, pattern };
  if (dice < 65) return { kind: "zero", offset, length, unmap: random.oneIn(2) };
  // Over a backing file, version 2 shows what lies below; a last part of a cluster is not discarded.
  const mayDiscard = !(version === 2 && backingBytes !== undefined) && whole % clusterSize === 0;
  if (dice < 75 && mayDiscard) return { kind: "discard", offset: cluster, length: whole };
  // QEMU refuses compressed data where clusters are allocated, so what is there is discarded first.
  if (dice < 90 && mayDiscard && !dataFile)
    return { kind: "compressed", offset: cluster, length: whole, pattern };
  return { kind: "flush" };
}

/** The bytes that an operation writes. */
export function contentsOf({ kind, length, pattern }) {
  const bytes = new Uint8Array(length);
  if (kind === "compressed") bytes.fill(pattern & 0xff);
  for (let at = 0; at < length; at += kind === "compressed" ? 997 : 1) bytes[at] = (pattern + at * 7) | 1;
  return bytes;
}

/** What the disk holds after an operation. */
export function apply(disk, operation, contents) {
  const { kind, offset, length } = operation;
  if (kind === "write" || kind === "compressed") disk.set(contents, offset);
  else if (kind === "zero" || kind === "discard") disk.fill(0, offset, offset + length);
  else if (kind === "resize") {
    const resized = new Uint8Array(operation.size);
    resized.set(disk.subarray(0, operation.size));
    return resized;
  }
  return disk;
}
