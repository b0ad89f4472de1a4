// Collects lines into large blocks. Owns the collecting; writing is the caller's.

const BLOCK_LENGTH = 256 * 1024;

export class TextBlocks {
  readonly #sink: (block: string) => Promise<void>;
  #text = "";

  constructor(sink: (block: string) => Promise<void>) {
    this.#sink = sink;
  }

  async add(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= BLOCK_LENGTH) await this.end();
  }

  /** Hands out what is left. */
  async end(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") await this.#sink(text);
  }
}
