// Deflate on threads of our own, for those who compress much. Owns the threads and the batches that go to them. A call
// of node:zlib sets up a stream on the main thread and hands it over: for clusters that costs half as much again as
// compressing them, and the threads here pay none of it.

import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";

/** Parameters of raw deflate, as node:zlib names them. */
export interface DeflateParameters {
  readonly level: number;
  readonly windowBits: number;
  readonly memLevel: number;
}

interface Job {
  readonly source: Uint8Array;
  readonly parameters: DeflateParameters;
  readonly resolve: (stream: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** What a thread is sent: sources one behind the other, all with the same parameters. */
interface Batch {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
  readonly parameters: DeflateParameters;
}

/** What it answers: streams one behind the other. */
interface Answer {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
}

interface Thread {
  readonly worker: Worker;
  /** Batches that it was sent and has not answered, oldest first. */
  readonly batches: Job[][];
}

/** Bytes that are sent at once: enough that sending costs nothing, few enough that no thread waits for the others. */
const BATCH_BYTES_MAX = 256 * 1024;
/** Batches at a thread: one that it works on, one that waits for it. */
const BATCHES_PER_THREAD = 2;
const THREADS_MAX = 16;

export class DeflateWorkers {
  readonly #load: () => Promise<typeof import("node:worker_threads")>;
  readonly #threads: Thread[] = [];
  #queue: Job[] = [];
  #starting: Promise<void> | undefined;

  constructor(load: () => Promise<typeof import("node:worker_threads")>) {
    this.#load = load;
  }

  /** The raw deflate stream of `source`, which must not change meanwhile. Rejects when the host has no threads. */
  compress(source: Uint8Array, parameters: DeflateParameters): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ source, parameters, resolve, reject });
      // Those who compress many clusters ask for them all at once: they share batches.
      this.#starting ??= this.#start();
      this.#starting.then(() => this.#send(), reject);
    });
  }

  async #start(): Promise<void> {
    const { Worker } = await this.#load();
    for (let count = Math.min(availableParallelism(), THREADS_MAX); count > 0; count--) {
      const thread: Thread = {
        worker: new Worker(`(${serve.toString()})(require)`, { eval: true }),
        batches: [],
      };
      thread.worker.on("message", (answer: Answer) => this.#settle(thread, answer));
      thread.worker.on("error", (error) => this.#lose(thread, error));
      thread.worker.unref();
      this.#threads.push(thread);
    }
  }

  #send(): void {
    while (this.#queue.length > 0) {
      const thread = this.#threads.reduce((least, each) =>
        each.batches.length < least.batches.length ? each : least,
      );
      if (thread.batches.length >= BATCHES_PER_THREAD) return;
      const jobs = this.#takeBatch();
      // While it has work, the process must not end.
      if (thread.batches.length === 0) thread.worker.ref();
      thread.batches.push(jobs);
      const batch = batchOf(jobs);
      thread.worker.postMessage(batch, [batch.bytes.buffer as ArrayBuffer]);
    }
  }

  #takeBatch(): Job[] {
    const [first] = this.#queue as [Job];
    let bytes = first.source.length;
    let end = 1;
    for (let next = this.#queue[end]; next !== undefined; next = this.#queue[++end]) {
      bytes += next.source.length;
      if (bytes > BATCH_BYTES_MAX || !isSame(next.parameters, first.parameters)) break;
    }
    const jobs = this.#queue.slice(0, end);
    this.#queue = this.#queue.slice(end);
    return jobs;
  }

  #settle(thread: Thread, { bytes, lengths }: Answer): void {
    const jobs = thread.batches.shift() as Job[];
    if (thread.batches.length === 0) thread.worker.unref();
    let at = 0;
    for (const [index, job] of jobs.entries()) {
      const end = at + (lengths[index] as number);
      job.resolve(bytes.slice(at, end));
      at = end;
    }
    this.#send();
  }

  #lose(thread: Thread, error: unknown): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    for (const job of thread.batches.flat()) job.reject(error);
    if (this.#threads.length > 0) this.#send();
    else {
      for (const job of this.#queue.splice(0)) job.reject(error);
      this.#starting = undefined;
    }
  }
}

function isSame(a: DeflateParameters, b: DeflateParameters): boolean {
  return a.level === b.level && a.windowBits === b.windowBits && a.memLevel === b.memLevel;
}

function batchOf(jobs: readonly Job[]): Batch {
  const lengths = jobs.map(({ source }) => source.length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const { source } of jobs) {
    bytes.set(source, at);
    at += source.length;
  }
  return { bytes, lengths, parameters: (jobs[0] as Job).parameters };
}

/** What a thread does. It is sent there as text, so that no bundler has to know of it: it must name nothing of this module. */
function serve(load: (name: string) => unknown): void {
  const { parentPort } = load("node:worker_threads") as typeof import("node:worker_threads");
  const { deflateRawSync } = load("node:zlib") as typeof import("node:zlib");
  parentPort?.on("message", ({ bytes, lengths, parameters }: Batch) => {
    const streams: Uint8Array[] = [];
    let at = 0;
    let total = 0;
    for (const length of lengths) {
      const chunkSize = length + 1024;
      const stream = deflateRawSync(bytes.subarray(at, at + length), { ...parameters, chunkSize });
      streams.push(stream);
      at += length;
      total += stream.length;
    }
    const answer = new Uint8Array(total);
    let end = 0;
    for (const stream of streams) {
      answer.set(stream, end);
      end += stream.length;
    }
    const message: Answer = { bytes: answer, lengths: streams.map(({ length }) => length) };
    parentPort?.postMessage(message, [answer.buffer as ArrayBuffer]);
  });
}
