// Chunks as a web stream. Each chunk is copied, because a stream's consumer may keep it.

/** A stream of the chunks of `source`; cancelling the stream ends the source. */
export function readableStream(source: AsyncGenerator<Uint8Array, void, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done === true) controller.close();
        else controller.enqueue(value.slice());
      },
      async cancel() {
        await source.return();
      },
    },
    { highWaterMark: 0 },
  );
}
