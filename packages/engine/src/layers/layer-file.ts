// A file that tables or contents are read from, with the length it was last seen to have. Owns the rule
// what may lie past its end: a tail of less than what was asked for reads as zero, a thing that starts
// there is an error. The length is asked anew only when it matters: another process may be growing the file.

import { type IoOptions, type ReadableBlockBackend, type ReadOptions, withPadding } from "@qcow/block";
import { EngineError } from "../engine-error.js";

export class LayerFile {
  readonly label: string;
  /** See `ReadableBlockBackend.identity`. */
  readonly identity: string | undefined;
  readonly #padded: ReadableBlockBackend;
  readonly #backend: ReadableBlockBackend;
  #size: number;

  private constructor(backend: ReadableBlockBackend, size: number) {
    this.label = backend.label;
    this.identity = backend.identity;
    this.#backend = backend;
    this.#padded = withPadding(backend);
    this.#size = size;
  }

  static async of(backend: ReadableBlockBackend, options: IoOptions = {}): Promise<LayerFile> {
    return new LayerFile(backend, await backend.size(options));
  }

  /** See `ReadableBlockBackend.preferredReadBytes`; 0 when it hardly matters. */
  get preferredReadBytes(): number {
    return this.#backend.preferredReadBytes ?? 0;
  }

  /** Length in bytes; asked anew when it was less than `end` when last seen. */
  async sizeFor(end: number, options: IoOptions = {}): Promise<number> {
    if (end > this.#size) this.#size = await this.#backend.size(options);
    return this.#size;
  }

  /** The file was made `size` bytes long, by those who know that nothing behind that is referenced. */
  cut(size: number): void {
    this.#size = Math.min(this.#size, size);
  }

  /**
   * Fills `target` from `offset` on, with zeros where the file has ended when it was last seen. One that has
   * become shorter since is an error (`BACKEND_SHORT_READ`): zeros in place of its contents would be wrong.
   */
  read(offset: number, target: Uint8Array, options: ReadOptions): Promise<void> {
    const inside = offset + target.byteLength <= this.#size;
    return (inside ? this.#backend : this.#padded).read(offset, target, options);
  }

  /** The same if it lies inside and nothing has to be waited for; whether it did. */
  readNow(offset: number, target: Uint8Array): boolean {
    return offset + target.byteLength <= this.#size && this.#backend.readNow?.(offset, target) === true;
  }

  /** Rejects when `[offset, offset + length)`, which `what` names, starts past the end of the file. */
  async requireStartInside(
    offset: number,
    length: number,
    what: () => string,
    options: IoOptions,
  ): Promise<void> {
    const size = await this.sizeFor(offset + length, options);
    if (offset >= size) throw this.outside(offset, size, what());
  }

  /** The error for something at `offset`, past the file's length of `size` bytes. */
  outside(offset: number, size: number, what: string): EngineError {
    return new EngineError(
      "QCOW2_REFERENCE_OUTSIDE_FILE",
      `${what} at offset ${offset} lies past the end of ${this.label} (${size} bytes): the image is cut short or damaged`,
      { offset },
    );
  }

  async close(): Promise<void> {
    await this.#backend.close();
  }
}
