// Raw deflate by the browser's own DecompressionStream. Owns the end of the stream: compressed clusters are padded,
// and the standard makes padding an error that throws away what was not fetched yet. Owns the bound on memory too.

/** So much input at once: it yields 4 MiB at most, since no byte of deflate yields more than 1032. */
const PIECE_BYTES = 4096;

/** What implementations hand out at once, at least, but for the last piece of each input: Node.js 16 KiB, Chromium 64 KiB. */
const CHUNK_BYTES_MIN = 4096;

/**
 * Fills `target` from the stream at the start of `source` and tells how much the stream yields, up to and including one
 * chunk more than fits. A stream that ends early or is damaged gives what it yields until then, with the `error`.
 */
export async function inflate(
  source: Uint8Array,
  target: Uint8Array,
): Promise<{ readonly length: number; readonly error: unknown }> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  const reader = readable.getReader();
  const output = new Output(reader, target);
  // An error drops what lies in the stream's queue. With a read waiting for each chunk, nothing ever lies there.
  const reads = Array.from({ length: Math.ceil(target.length / CHUNK_BYTES_MIN) + 2 }, () => output.take());
  const error = await feed(writable.getWriter(), source, output);
  await Promise.all(reads);
  return { length: output.length, error: error ?? output.error };
}

/** Writes `source` and the end; resolves with the failure, if any. Stops early once there is too much output. */
async function feed(
  writer: WritableStreamDefaultWriter<BufferSource>,
  source: Uint8Array,
  output: Output,
): Promise<unknown> {
  try {
    for (let at = 0; at < source.length && !output.isTooLong; at += PIECE_BYTES) {
      // A copy: some implementations keep the buffer, which is the caller's again once this is done.
      await writer.write(source.slice(at, at + PIECE_BYTES));
    }
    if (!output.isTooLong) await writer.close();
    return undefined;
  } catch (error) {
    return error ?? new Error("the stream failed");
  }
}

/** Where chunks go. */
class Output {
  length = 0;
  error: unknown;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #target: Uint8Array;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, target: Uint8Array) {
    this.#reader = reader;
    this.#target = target;
  }

  get isTooLong(): boolean {
    return this.length > this.#target.length;
  }

  /** Takes chunks until there are no more. Once there are too many, the stream is cancelled, and a write that waits with it. */
  async take(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) return;
        this.#put(value);
        if (this.isTooLong) await this.#reader.cancel();
      }
    } catch (error) {
      this.error ??= error;
    }
  }

  #put(chunk: Uint8Array): void {
    const room = Math.max(0, this.#target.length - this.length);
    if (room > 0) this.#target.set(chunk.subarray(0, room), this.length);
    this.length += chunk.length;
  }
}
