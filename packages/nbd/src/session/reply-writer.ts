// Sends replies one after the other, whoever has them ready first. Owns that replies which are ready while one is on its
// way go together: at a high depth that is one system call for many.

import type { NbdStream } from "./nbd-stream.js";

interface Batch {
  readonly parts: Uint8Array[];
  readonly sent: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ReplyWriter {
  readonly #stream: Pick<NbdStream, "write">;
  #batch: Batch | undefined;
  #running = false;

  constructor(stream: Pick<NbdStream, "write">) {
    this.#stream = stream;
  }

  /** Sends the parts of one reply without anything between them; resolves once they may be overwritten. */
  send(parts: readonly Uint8Array[]): Promise<void> {
    this.#batch ??= newBatch();
    const { parts: all, sent } = this.#batch;
    for (const part of parts) all.push(part);
    if (!this.#running) void this.#run();
    return sent;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let batch = this.#batch; batch !== undefined; batch = this.#batch) {
      this.#batch = undefined;
      await this.#stream.write(batch.parts).then(batch.resolve, batch.reject);
    }
    this.#running = false;
  }
}

function newBatch(): Batch {
  let resolve: Batch["resolve"] = () => undefined;
  let reject: Batch["reject"] = () => undefined;
  const sent = new Promise<void>((onSent, onFailed) => {
    resolve = onSent;
    reject = onFailed;
  });
  return { parts: [], sent, resolve, reject };
}
