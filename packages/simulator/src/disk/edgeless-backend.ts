// A mutation: the flush that keeps refcounts and data ahead of the tables that name them does nothing. Owns telling that
// flush from the others, by what was written since the last one. The simulator must notice it.

import { type BlockBackend, ForwardingBackend, type IoOptions } from "@qcow/block";
import { decodeHeader, l1EntryOffset } from "@qcow/format";

const ENTRY_BYTES = 8;

/** A range of the file, in bytes. */
interface Place {
  readonly start: number;
  readonly end: number;
}

export class EdgelessBackend extends ForwardingBackend {
  #mappingWritten = false;
  #owed = false;

  override async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    const end = offset + source.byteLength;
    const places = await mappingPlaces(this.inner);
    if (places.some((place) => offset < place.end && end > place.start)) this.#mappingWritten = true;
    await this.inner.write(offset, source, options);
  }

  /** Nothing, unless L1 or L2 entries were written since the last flush that did something. */
  override async flush(options?: IoOptions): Promise<void> {
    if (!this.#mappingWritten) {
      this.#owed = true;
      return;
    }
    await this.pay(options);
  }

  /** The flushes that were left out; for whoever is about to tell a guest that something is durable. */
  async pay(options?: IoOptions): Promise<void> {
    if (!this.#owed && !this.#mappingWritten) return;
    this.#owed = false;
    this.#mappingWritten = false;
    await this.inner.flush(options);
  }
}

/** Where the L1 table lies, and the L2 tables that it names in the file. */
async function mappingPlaces(backend: BlockBackend): Promise<Place[]> {
  const size = await backend.size();
  const head = new Uint8Array(Math.min(512, size));
  await backend.read(0, head);
  const { l1TableOffset, l1Size, clusterBits } = decodeHeader(head);
  const start = Number(l1TableOffset);
  const places = [{ start, end: start + l1Size * ENTRY_BYTES }];
  const table = new Uint8Array(Math.max(0, Math.min(l1Size * ENTRY_BYTES, size - start)));
  await backend.read(start, table);
  const view = new DataView(table.buffer);
  for (let at = 0; at + ENTRY_BYTES <= table.byteLength; at += ENTRY_BYTES) {
    const offset = l1EntryOffset(view.getUint32(at), view.getUint32(at + 4));
    if (offset !== 0) places.push({ start: offset, end: offset + 2 ** clusterBits });
  }
  return places;
}
