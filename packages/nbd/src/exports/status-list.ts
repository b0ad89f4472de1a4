// A list of extents that is filled in order. Owns that neighbours with the same flags are one extent.

import type { StatusExtents } from "../protocol/chunk.js";

export class StatusList implements StatusExtents {
  #count = 0;
  #lengths = new Float64Array(16);
  #flags = new Uint32Array(16);
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get lengths(): Float64Array {
    return this.#lengths;
  }

  get flags(): Uint32Array {
    return this.#flags;
  }

  /** Bytes of all extents. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends `length` bytes with `flags`, unless that would be the extent behind `extentsMax`; says whether it did. */
  add(length: number, flags: number, extentsMax: number): boolean {
    const last = this.#count - 1;
    if (last >= 0 && this.#flags[last] === flags) {
      this.#lengths[last] = (this.#lengths[last] as number) + length;
    } else {
      if (this.#count >= extentsMax) return false;
      if (this.#count === this.#lengths.length) this.#grow();
      this.#lengths[this.#count] = length;
      this.#flags[this.#count] = flags;
      this.#count += 1;
    }
    this.#bytes += length;
    return true;
  }

  #grow(): void {
    const lengths = new Float64Array(2 * this.#count);
    const flags = new Uint32Array(2 * this.#count);
    lengths.set(this.#lengths);
    flags.set(this.#flags);
    this.#lengths = lengths;
    this.#flags = flags;
  }
}
