// The words of an S-expression, out of chunks of bytes: parentheses and atoms. Owns that no atom is longer than those of a
// map can be; quoted atoms and comments are not part of maps.

import { badMap } from "./intervals.js";

const ATOM_BYTES_MAX = 32;
const OPEN = 0x28;
const CLOSE = 0x29;

export class Tokens {
  #atom = "";

  /** Hands each word of `chunk` to `take`; an atom may go on in the next chunk. */
  feed(chunk: Uint8Array, take: (word: string) => void): void {
    for (const byte of chunk) {
      if (byte > 0x20 && byte < 0x7f && byte !== OPEN && byte !== CLOSE) {
        this.#atom += String.fromCharCode(byte);
        if (this.#atom.length > ATOM_BYTES_MAX) throw badMap("it has a word that is too long");
        continue;
      }
      this.end(take);
      if (byte === OPEN) take("(");
      else if (byte === CLOSE) take(")");
      else if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
        throw badMap(`it has a byte 0x${byte.toString(16).padStart(2, "0")}, which is no text of a map`);
    }
  }

  /** Hands out the atom that the bytes end with. */
  end(take: (word: string) => void): void {
    if (this.#atom === "") return;
    const word = this.#atom;
    this.#atom = "";
    take(word);
  }
}
