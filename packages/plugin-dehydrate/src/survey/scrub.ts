// Names that say something about the owner of an image, and what takes their place: text of the same length, the same for
// the same name, different for different ones as far as the length allows. Owns the replacements only.

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

export class Scrub {
  /** By kind and name. */
  readonly #replacements = new Map<string, Uint8Array>();
  /** How many names of a kind and length there were. */
  readonly #counts = new Map<string, number>();

  /** What stands for `name`, one of several of its kind: a number, behind as much of `kind` as there is room for. */
  numbered(kind: string, name: Uint8Array): Uint8Array {
    const key = `${kind} ${hexadecimal(name)}`;
    const known = this.#replacements.get(key);
    if (known !== undefined) return known;
    const group = `${kind} ${name.length}`;
    const number = (this.#counts.get(group) ?? 0) + 1;
    this.#counts.set(group, number);
    const replacement = ascii(numberedText(kind, number, name.length));
    this.#replacements.set(key, replacement);
    return replacement;
  }

  /** What stands for the only name of its kind. */
  only(kind: string, length: number): Uint8Array {
    return ascii(padded(kind, length));
  }
}

function numberedText(kind: string, number: number, length: number): string {
  let digits = "";
  for (let rest = number; rest > 0 && digits.length < length; rest = Math.floor(rest / DIGITS.length))
    digits = (DIGITS[rest % DIGITS.length] as string) + digits;
  return padded(kind, length - digits.length) + digits;
}

/** `text`, cut or filled up to `length`. */
function padded(text: string, length: number): string {
  return text.slice(0, length).padEnd(length, "-");
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
