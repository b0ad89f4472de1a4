// The heads of files in a tar archive (POSIX ustar), as far as this package writes and reads them. Owns bytes and checksum.

import { DehydrateError } from "../dehydrate-error.js";

export const TAR_BLOCK_BYTES = 512;

const NAME_BYTES = 100;
const SIZE_AT = 124;
const CHECKSUM_AT = 148;
const TYPE_AT = 156;
/** Sizes that fit into eleven octal digits. */
const OCTAL_MAX = 8 ** 11;
const REGULAR_FILE = new Set([0, 0x30]);

export interface TarEntry {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** The head of a plain file that says nothing of who made it, or when. */
export function encodeTarHeader({ name, size }: TarEntry): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK_BYTES);
  putText(block, 0, name);
  putText(block, 100, "0000644\0");
  putText(block, 108, "0000000\0");
  putText(block, 116, "0000000\0");
  putSize(block, size);
  putText(block, 136, "00000000000\0");
  block[TYPE_AT] = 0x30;
  putText(block, 257, "ustar\0");
  putText(block, 263, "00");
  putText(block, CHECKSUM_AT, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** @throws DehydrateError `DEHYDRATED_BAD_ARCHIVE` for what is no head of a plain file. */
export function decodeTarHeader(block: Uint8Array): TarEntry {
  if (octal(block, CHECKSUM_AT, 8) !== checksum(block)) throw badArchive("it is no tar archive, or damaged");
  if (!REGULAR_FILE.has(block[TYPE_AT] as number)) throw badArchive("it has something else than plain files");
  const name = block.subarray(0, NAME_BYTES);
  const end = name.indexOf(0);
  return { name: new TextDecoder().decode(end === -1 ? name : name.subarray(0, end)), size: sizeOf(block) };
}

export function badArchive(problem: string, cause?: unknown): DehydrateError {
  return new DehydrateError(
    "DEHYDRATED_BAD_ARCHIVE",
    `this is no single file that dehydrate writes: ${problem}`,
    cause,
  );
}

function putText(block: Uint8Array, at: number, text: string): void {
  block.set(new TextEncoder().encode(text), at);
}

/** Octal, or as GNU tar has it for larger ones: binary, with the highest bit set. */
function putSize(block: Uint8Array, size: number): void {
  if (size < OCTAL_MAX) {
    putText(block, SIZE_AT, `${size.toString(8).padStart(11, "0")}\0`);
    return;
  }
  const view = new DataView(block.buffer, block.byteOffset);
  view.setUint8(SIZE_AT, 0x80);
  view.setBigUint64(SIZE_AT + 4, BigInt(size));
}

function sizeOf(block: Uint8Array): number {
  if (((block[SIZE_AT] as number) & 0x80) === 0) return octal(block, SIZE_AT, 12);
  const size = new DataView(block.buffer, block.byteOffset).getBigUint64(SIZE_AT + 4);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw badArchive("a file in it is too long");
  return Number(size);
}

function octal(block: Uint8Array, at: number, length: number): number {
  const text = String.fromCharCode(...block.subarray(at, at + length));
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) throw badArchive("it is no tar archive, or damaged");
  return Number.parseInt(digits, 8);
}

/** The sum of all bytes, with blanks for the checksum itself. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  block.forEach((byte, index) => {
    if (index < CHECKSUM_AT || index >= CHECKSUM_AT + 8) sum += byte;
  });
  return sum;
}
