// One image, opened: what it says, its map, bytes of its disk, and a check. Knows nothing of the page, so that it runs
// on Node.js as it does here.

import type { CompressionBackend, IoOptions, ReadableBlockBackend } from "@qcow/block";
import { checkImage, Qcow2Reader, type ReferenceOpener } from "@qcow/engine";
import { type Fact, factsOf } from "./facts.js";
import { hexDump } from "./hex-dump.js";
import { type MapRows, mapRows } from "./map-rows.js";
import { countText } from "./numbers.js";

export interface InspectionOptions extends IoOptions {
  readonly compression: CompressionBackend;
  /** Opens the backing files and the data file that an image names. */
  readonly openReference: ReferenceOpener;
}

const BYTES_SHOWN = 512;

export class Inspection {
  readonly facts: readonly Fact[];
  readonly map: MapRows;
  /** Whether the contents are encrypted, so that nobody can show them without the key. */
  readonly isEncrypted: boolean;
  readonly #backend: ReadableBlockBackend;
  readonly #reader: Qcow2Reader;

  private constructor(backend: ReadableBlockBackend, reader: Qcow2Reader, map: MapRows) {
    this.#backend = backend;
    this.#reader = reader;
    this.facts = factsOf(reader.metadata);
    this.map = map;
    this.isEncrypted = reader.metadata.encryption !== undefined;
  }

  /** The backend stays the caller's. */
  static async open(backend: ReadableBlockBackend, options: InspectionOptions): Promise<Inspection> {
    const reader = await Qcow2Reader.open(backend, options);
    return new Inspection(backend, reader, await mapRows(reader, options));
  }

  /** A line for each 16 of the disk's bytes from `offset` on. */
  async bytesAt(offset: number, options: IoOptions = {}): Promise<string> {
    const length = Math.min(BYTES_SHOWN, Math.max(0, this.#reader.virtualSize - offset));
    const target = new Uint8Array(length);
    await this.#reader.read(offset, target, options);
    return hexDump(target, offset);
  }

  /** Checks the image, without its backing files. */
  async check(options: IoOptions = {}): Promise<string> {
    const { corruptions, leaks, checkErrors, allocatedClusters, findings } = await checkImage(
      this.#backend,
      options,
    );
    const clusters = `${countText(allocatedClusters)} clusters in use`;
    if (corruptions + leaks + checkErrors === 0) return `No errors were found; ${clusters}.`;
    const first = findings[0] === undefined ? "" : ` The first: ${findings[0].message}.`;
    return (
      `${countText(corruptions)} corruptions, ${countText(leaks)} leaked clusters, ` +
      `${countText(checkErrors)} parts that could not be checked; ${clusters}.${first}`
    );
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
