// Writes down what is asked of a disk, in order, in words: which structure is written, when there is a flush.

import { type BlockBackend, ForwardingBackend, type IoOptions } from "@qcow/block";
import { l1EntryOffset, refcountTableEntryOffset } from "@qcow/format";
import { readHead } from "../../src/read-head.js";

export interface Access {
  readonly kind: "write" | "flush" | "resize" | "discard";
  readonly offset: number;
  readonly length: number;
}

export class RecordingBackend extends ForwardingBackend {
  readonly log: Access[] = [];

  /** What was logged so far, which is then forgotten. */
  take(): Access[] {
    return this.log.splice(0);
  }

  override write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.log.push({ kind: "write", offset, length: source.byteLength });
    return super.write(offset, source, options);
  }

  override flush(options?: IoOptions): Promise<void> {
    this.log.push({ kind: "flush", offset: 0, length: 0 });
    return super.flush(options);
  }

  override resize(size: number, options?: IoOptions): Promise<void> {
    this.log.push({ kind: "resize", offset: size, length: 0 });
    return super.resize(size, options);
  }

  protected override forwardDiscard(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.log.push({ kind: "discard", offset, length });
    return super.forwardDiscard(offset, length, options);
  }
}

/** The structures of the image in `backend` by host cluster, as its file has them now; everything else is data. */
export async function structuresOf(backend: BlockBackend): Promise<Map<number, string>> {
  const { header, geometry, fileSize } = await readHead(backend);
  const { clusterSize } = geometry;
  const names = new Map<number, string>([[0, "header"]]);
  const table = async (offset: number, length: number, name: string): Promise<DataView> => {
    for (let at = 0; at < length; at += clusterSize) names.set((offset + at) / clusterSize, name);
    const bytes = new Uint8Array(length);
    const present = Math.max(0, Math.min(length, fileSize - offset));
    await backend.read(offset, bytes.subarray(0, present));
    return new DataView(bytes.buffer);
  };
  const l1 = await table(Number(header.l1TableOffset), header.l1Size * 8, "L1");
  for (let at = 0; at < l1.byteLength; at += 8) {
    const offset = l1EntryOffset(l1.getUint32(at), l1.getUint32(at + 4));
    if (offset !== 0) names.set(offset / clusterSize, "L2");
  }
  const refcounts = await table(
    Number(header.refcountTableOffset),
    header.refcountTableClusters * clusterSize,
    "refcount table",
  );
  for (let at = 0; at < refcounts.byteLength; at += 8) {
    const offset = refcountTableEntryOffset(refcounts.getUint32(at), refcounts.getUint32(at + 4));
    if (offset !== 0) names.set(offset / clusterSize, "refcounts");
  }
  return names;
}

/** `log` in words, neighbours that are the same said once; writes between two flushes in alphabetical order. */
export function inWords(
  log: readonly Access[],
  structures: ReadonlyMap<number, string>,
  clusterSize: number,
): string[] {
  const words: string[] = [];
  let writes = new Set<string>();
  const end = (): void => {
    words.push(...[...writes].sort());
    writes = new Set();
  };
  for (const { kind, offset, length } of log) {
    if (kind === "write") {
      for (let cluster = Math.floor(offset / clusterSize); cluster * clusterSize < offset + length; cluster++)
        writes.add(structures.get(cluster) ?? "data");
    } else {
      end();
      words.push(kind);
    }
  }
  end();
  return words;
}
