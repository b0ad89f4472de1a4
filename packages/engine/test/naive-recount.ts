// Counts the references of an image a second time, slowly and without the engine's or the codec's loops:
// straight from the bytes, with bigints, for tests to compare a check with. For sound headers only.

/** What a naive reader finds. */
export interface Recount {
  /** References by host cluster. */
  readonly references: Map<number, number>;
  /** Stored refcounts by host cluster, those that are not 0. */
  readonly stored: Map<number, bigint>;
}

export function naiveRecount(bytes: Uint8Array): Recount {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => (at + 4 <= bytes.length ? view.getUint32(at) : 0);
  const u64 = (at: number): bigint => (at + 8 <= bytes.length ? view.getBigUint64(at) : 0n);
  const clusterBits = u32(20);
  const clusterSize = 2 ** clusterBits;
  const version = u32(4);
  const features = version === 3 ? u64(72) : 0n;
  const [hasData, extended] = [(features & 4n) !== 0n, (features & 16n) !== 0n];
  const references = new Map<number, number>();
  const add = (offset: number, length: number): void => {
    if (length === 0 || offset + length >= bytes.length + clusterSize) return;
    const last = Math.floor((offset + length - 1) / clusterSize);
    for (let host = Math.floor(offset / clusterSize); host <= last; host++) {
      references.set(host, (references.get(host) ?? 0) + 1);
    }
  };
  const offsetOf = (entry: bigint): number => Number(entry & 0x00ff_ffff_ffff_fe00n);

  const addL2 = (table: number): void => {
    for (let at = table; at < table + clusterSize; at += extended ? 16 : 8) {
      const entry = u64(at);
      if ((entry & (1n << 62n)) !== 0n) {
        const split = BigInt(62 - (clusterBits - 8));
        const host = Number(entry & ((1n << split) - 1n));
        const sectors = Number((entry & ((1n << 62n) - 1n)) >> split) + 1;
        add(host, sectors * 512 - (host % 512));
      } else if (!hasData && offsetOf(entry) !== 0) add(offsetOf(entry), clusterSize);
    }
  };
  const addL1 = (offset: number, size: number): void => {
    add(offset, size * 8);
    for (let index = 0; index < size; index++) {
      const table = offsetOf(u64(offset + index * 8));
      if (table === 0) continue;
      add(table, clusterSize);
      addL2(table);
    }
  };

  add(0, clusterSize);
  addL1(Number(u64(40)), u32(36));
  let at = Number(u64(64));
  const snapshots = u32(60);
  for (let index = 0; index < snapshots; index++) {
    addL1(Number(u64(at)), u32(at + 8));
    const length = 40 + u32(at + 36) + view.getUint16(at + 12) + view.getUint16(at + 14);
    at = Math.ceil((at + length) / 8) * 8;
  }
  add(Number(u64(64)), at - Number(u64(64)));
  addBitmaps();
  return { references, stored: storedRefcounts() };

  function addBitmaps(): void {
    if (version !== 3 || (u64(88) & 1n) === 0n) return;
    for (let ext = u32(100); u32(ext) !== 0; ext += 8 + Math.ceil(u32(ext + 4) / 8) * 8) {
      if (u32(ext) !== 0x23852875) continue;
      const [count, size, start] = [u32(ext + 8), Number(u64(ext + 16)), Number(u64(ext + 24))];
      add(start, size);
      let entry = start;
      for (let index = 0; index < count; index++) {
        const [table, entries] = [Number(u64(entry)), u32(entry + 8)];
        add(table, entries * 8);
        for (let slot = 0; slot < entries; slot++) {
          const data = offsetOf(u64(table + slot * 8));
          if (data !== 0) add(data, clusterSize);
        }
        entry = Math.ceil((entry + 24 + u32(entry + 20) + view.getUint16(entry + 18)) / 8) * 8;
      }
    }
  }

  function storedRefcounts(): Map<number, bigint> {
    const stored = new Map<number, bigint>();
    const bits = version === 3 ? 2 ** u32(96) : 16;
    const perBlock = (clusterSize * 8) / bits;
    const [table, entries] = [Number(u64(48)), (u32(56) * clusterSize) / 8];
    add(table, u32(56) * clusterSize);
    for (let index = 0; index < entries; index++) {
      const block = Number(u64(table + index * 8));
      if (block === 0) continue;
      add(block, clusterSize);
      for (let slot = 0; slot < perBlock; slot++) {
        const value = refcountAt(block, slot, bits);
        if (value !== 0n) stored.set(index * perBlock + slot, value);
      }
    }
    return stored;
  }

  function refcountAt(block: number, slot: number, bits: number): bigint {
    if (bits < 8) {
      const byte = bytes[block + Math.floor((slot * bits) / 8)] ?? 0;
      return BigInt((byte >> ((slot * bits) % 8)) & ((1 << bits) - 1));
    }
    let value = 0n;
    for (let byte = 0; byte < bits / 8; byte++) {
      value = (value << 8n) | BigInt(bytes[block + (slot * bits) / 8 + byte] ?? 0);
    }
    return value;
  }
}
