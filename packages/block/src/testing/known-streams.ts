// Compressed streams written out by hand, for the suite of CompressionBackend: what a decoder must
// accept or refuse is then known without an encoder. Sizes stay small.

/** Raw deflate of `bytes` (at most 65535) as one stored block: RFC 1951, 3.2.4. */
export function storedDeflate(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const header = [1, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff];
  return Uint8Array.from([...header, ...bytes]);
}

export interface ZstdFrameShape {
  /** The window descriptor byte (RFC 8878, 3.1.1.1.2); 0, that is 1 KiB, when absent. */
  readonly window?: number;
  /** Declares a content size in four bytes; when absent, the frame has none. */
  readonly contentSize?: number;
  /** A dictionary identifier of one byte. */
  readonly dictionary?: number;
}

/** A zstd frame that holds `bytes` (at most 1024) as one raw block: RFC 8878, 3.1.1. */
export function rawZstdFrame(bytes: Uint8Array, shape: ZstdFrameShape = {}): Uint8Array {
  const { window = 0, contentSize, dictionary } = shape;
  const descriptor = (contentSize === undefined ? 0 : 0x80) | (dictionary === undefined ? 0 : 1);
  const block = (bytes.length << 3) | 1;
  return Uint8Array.from([
    ...[0x28, 0xb5, 0x2f, 0xfd, descriptor, window],
    ...(dictionary === undefined ? [] : [dictionary]),
    ...(contentSize === undefined ? [] : littleEndian32(contentSize)),
    ...[block & 0xff, (block >> 8) & 0xff, (block >> 16) & 0xff],
    ...bytes,
  ]);
}

/** A skippable frame, which carries `length` bytes that are not content: RFC 8878, 3.1.2. */
export function skippableZstdFrame(length: number): Uint8Array {
  const header = [0x53, 0x2a, 0x4d, 0x18, ...littleEndian32(length)];
  return Uint8Array.from([...header, ...new Uint8Array(length).fill(0x55)]);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    all.set(part, position);
    position += part.length;
  }
  return all;
}

function littleEndian32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
