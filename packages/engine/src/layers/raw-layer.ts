// A backing file without a format: its bytes are the disk. Owns the rounding to whole sectors.

import type { ReadableBlockBackend } from "@qcow/block";
import { RunKind, type RunList } from "../mapping/run-list.js";
import { type Layer, type MapRequest, Place } from "./layer.js";
import { LayerFile } from "./layer-file.js";

const SECTOR_BYTES = 512;

export class RawLayer implements Layer {
  readonly format = "raw";
  readonly label: string;
  /** The file's length, rounded up to whole sectors as QEMU does; what is past the end reads as zero. */
  readonly virtualSize: number;
  readonly clusterSize = SECTOR_BYTES;
  readonly encrypted = false;
  readonly compressionMethod = "deflate";
  readonly imageFile: LayerFile;
  readonly #fileSize: number;

  private constructor(file: LayerFile, fileSize: number) {
    this.label = file.label;
    this.imageFile = file;
    this.#fileSize = fileSize;
    this.virtualSize = Math.ceil(fileSize / SECTOR_BYTES) * SECTOR_BYTES;
  }

  static async open(backend: ReadableBlockBackend): Promise<RawLayer> {
    const file = await LayerFile.of(backend);
    return new RawLayer(file, await file.sizeFor(0));
  }

  async map(runs: RunList, { start, end, depth }: MapRequest): Promise<number> {
    const dataEnd = Math.min(end, this.#fileSize);
    if (start < dataEnd) runs.push(start, dataEnd - start, RunKind.data, start, 0, depth);
    const zeroStart = Math.max(start, dataEnd);
    if (zeroStart < end) runs.push(zeroStart, end - zeroStart, RunKind.zeroAllocated, zeroStart, 0, depth);
    return end;
  }

  placeNow(start: number, end: number): number {
    return end <= this.#fileSize ? start : Place.unknown;
  }

  async dataFile(): Promise<LayerFile> {
    return this.imageFile;
  }

  get openedDataFile(): LayerFile {
    return this.imageFile;
  }

  get dataLabel(): string {
    return this.label;
  }

  async close(): Promise<void> {}
}
