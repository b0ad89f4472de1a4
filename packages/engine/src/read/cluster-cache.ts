// Compressed clusters that somebody wanted a part of, decompressed, for whoever wants the next part. Owns their number and
// that they are decompressed once; only for images that nobody writes to, whose streams stay where they are.

interface Held {
  readonly bytes: number;
  readonly contents: Promise<Uint8Array>;
}

/** Names a stream: the layer's depth, and where in its file the stream is. */
export interface StreamPlace {
  readonly depth: number;
  /** Host offset and length in bytes. */
  readonly host: number;
  readonly hostLength: number;
}

export class ClusterCache {
  readonly #bytesMax: number;
  /** In the order of their last use, latest last. */
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  /** `bytesMax` bounds what is kept; 0 keeps nothing. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  has(place: StreamPlace): boolean {
    return this.#held.has(keyOf(place));
  }

  /** The contents of a cluster of `bytes` bytes, from `decompress` if they are not here. A failure is not kept. */
  contents(place: StreamPlace, bytes: number, decompress: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const key = keyOf(place);
    const held = this.#held.get(key) ?? { bytes, contents: decompress() };
    const isNew = !this.#held.delete(key);
    if (isNew && bytes > this.#bytesMax) return held.contents;
    this.#held.set(key, held);
    if (isNew) {
      this.#bytes += bytes;
      held.contents.catch(() => this.#drop(key, held));
      this.#evict();
    }
    return held.contents;
  }

  #evict(): void {
    for (const [key, held] of this.#held) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(key, held);
    }
  }

  #drop(key: string, held: Held): void {
    if (this.#held.get(key) !== held) return;
    this.#held.delete(key);
    this.#bytes -= held.bytes;
  }
}

function keyOf({ depth, host, hostLength }: StreamPlace): string {
  return `${depth} ${host} ${hostLength}`;
}
