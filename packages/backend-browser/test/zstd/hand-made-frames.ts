// zstd frames put together by hand: what a decoder must accept or refuse is then known without an encoder.

/** A frame of one segment that declares `size` bytes, with `blocks` in it. */
export function frame(size: number, ...blocks: number[][]): Uint8Array {
  const content = [size & 0xff, (size >> 8) & 0xff, (size >> 16) & 0xff, 0];
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...content, ...blocks.flat()]);
}

/** A block of a type (0 raw, 1 repeated, 2 compressed); `size` is what its header says. */
export function block(type: number, size: number, last: boolean, body: readonly number[]): number[] {
  const header = (size << 3) | (type << 1) | (last ? 1 : 0);
  return [header & 0xff, (header >> 8) & 0xff, (header >> 16) & 0xff, ...body];
}

export interface Sequences {
  /** How many, all with the same codes. */
  readonly sequences: number;
  readonly literalCode: number;
  readonly offsetCode: number;
  readonly matchCode: number;
  /** The byte of bits that codes read, below its end mark. */
  readonly extra: number;
}

/** The last block: one literal `A`, and sequences whose three codes need no bits. */
export function sequenceBlock({ sequences, literalCode, offsetCode, matchCode, extra }: Sequences): number[] {
  const literals = [(1 << 3) | 1, 0x41];
  const rest = sequences - 0x7f00;
  const count = sequences < 128 ? [sequences] : [255, rest & 0xff, rest >> 8];
  const body = [...literals, ...count, 0b01010100, literalCode, offsetCode, matchCode, extra];
  return block(2, body.length, true, body);
}
