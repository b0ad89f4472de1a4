// Images of which every second cluster is free. Owns making each size once.

import type { Folder } from "./folder.js";

export class HoledImages {
  readonly #folder: Folder;
  readonly #made = new Map<string, { image: Buffer; disk: Buffer }>();

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  /** Puts one with a disk of `size`; resolves with the disk. */
  async put(name: string, size = "3M"): Promise<Buffer> {
    const { image, disk } = this.#made.get(size) ?? (await this.#make(size));
    this.#folder.put(name, image);
    return disk;
  }

  async #make(size: string): Promise<{ image: Buffer; disk: Buffer }> {
    const made = ["pattern", "made.qcow2", "--size", size, "--pattern", "2", "--cluster-size", "4K"];
    await this.#folder.json(...made);
    const one = { image: this.#folder.get("made.qcow2"), disk: await this.#folder.disk("made.qcow2") };
    this.#made.set(size, one);
    return one;
  }
}
