// Tables of an image that no write of the guest changes: L1 tables of snapshots, the tables of bitmaps. Compaction does, so
// they are here while it runs, for the committer to write. Owns reading them once.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { DirtyTable } from "./dirty-table.js";
import { readAvailable } from "./read-available.js";

export class SharedTables {
  readonly #backend: ReadableBlockBackend;
  readonly #fileSize: number;
  /** By host offset. */
  readonly #tables = new Map<number, DirtyTable>();

  constructor(backend: ReadableBlockBackend, fileSize: number) {
    this.#backend = backend;
    this.#fileSize = fileSize;
  }

  /** The table of `length` bytes at host offset `offset`, which is one and the same for all who ask until `release`. */
  async use(offset: number, length: number, options: IoOptions): Promise<DirtyTable> {
    const known = this.#tables.get(offset);
    if (known !== undefined && known.bytes.byteLength === length) return known;
    const bytes = new Uint8Array(length);
    bytes.set(await readAvailable(this.#backend, offset, length, this.#fileSize, options));
    const table = new DirtyTable(offset, bytes, false);
    this.#tables.set(offset, table);
    return table;
  }

  /** All that are in use, for the committer. */
  tables(): Iterable<DirtyTable> {
    return this.#tables.values();
  }

  /** Lets those go that the file has as they are. */
  release(): void {
    for (const [offset, table] of this.#tables) if (table.isInFile) this.#tables.delete(offset);
  }
}
