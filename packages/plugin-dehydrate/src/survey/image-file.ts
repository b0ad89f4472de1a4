// The image file as a survey reads it: bounded pieces, several at once, tables of the mapping kept for the second reading.
// Owns every read of the source, and that none goes past the end of the file.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";

/** Most bytes of one read, unless a cluster is larger. */
export const PIECE_BYTES = 1024 * 1024;
/** Reads at a time: enough for a server that takes long to answer. */
const READS = 16;

/** A part of the file in bytes. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

export class ImageFile {
  readonly size: number;
  readonly #source: ReadableBlockBackend;
  readonly #signal: AbortSignal | undefined;

  private constructor(source: ReadableBlockBackend, size: number, signal: AbortSignal | undefined) {
    this.#source = source;
    this.size = size;
    this.#signal = signal;
  }

  static async of(source: ReadableBlockBackend, options: IoOptions): Promise<ImageFile> {
    return new ImageFile(source, await source.size(options), options.signal);
  }

  get label(): string {
    return this.#source.label;
  }

  /** Fills `target`, which the file must have at `offset`. */
  async readInto(offset: number, target: Uint8Array): Promise<void> {
    this.#signal?.throwIfAborted();
    await this.#source.read(offset, target, { signal: this.#signal, purpose: "metadata" });
  }

  /** The bytes of a place, as far as the file has them. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.available({ offset, length }));
    await this.readInto(offset, bytes);
    return bytes;
  }

  /** How many bytes of a place the file has. */
  available({ offset, length }: Place): number {
    return Math.max(0, Math.min(length, this.size - offset));
  }

  /**
   * Reads what the file has of `places`, in pieces of at most `pieceBytes`, and hands each to `visit`: the bytes, their
   * offset in the file, and the index of the place. In any order.
   */
  async readAll(
    places: Iterable<Place>,
    visit: (bytes: Uint8Array, offset: number, index: number) => void,
    pieceBytes = PIECE_BYTES,
  ): Promise<void> {
    const pieces = this.#pieces(places, pieceBytes);
    const worker = async (): Promise<void> => {
      for (const { offset, length, index } of pieces) {
        const bytes = new Uint8Array(length);
        await this.readInto(offset, bytes);
        visit(bytes, offset, index);
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: READS }, worker));
    for (const result of ended) if (result.status === "rejected") throw result.reason;
  }

  *#pieces(places: Iterable<Place>, pieceBytes: number): Generator<Place & { readonly index: number }> {
    let index = 0;
    for (const place of places) {
      const length = this.available(place);
      for (let at = 0; at < length; at += pieceBytes)
        yield { offset: place.offset + at, length: Math.min(pieceBytes, length - at), index };
      index++;
    }
  }
}
