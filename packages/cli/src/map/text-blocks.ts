// Collects lines and writes them to stdout in large blocks. Owns the collecting.

import { writeOutput } from "@qcow/cli-kit";

const BLOCK_LENGTH = 256 * 1024;

export class TextBlocks {
  #text = "";

  async add(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= BLOCK_LENGTH) await this.end();
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") await writeOutput(text);
  }
}
