// Brings ranges from the server: joins those that are wanted at the same moment, shares what is under way, and keeps
// to the number of requests at once. Owns the queue; what is already here is caching-reader's to know.

import type { BlockCache } from "./block-cache.js";
import { Flight } from "./flight.js";
import type { PendingRead } from "./pending-read.js";
import type { ByteRange } from "./send-request.js";
import type { Session } from "./session.js";
import { groupOf, Want } from "./want.js";

/** Microtasks that the first wanted range waits for others: enough for reads that callers issue together. */
const TURNS = 8;

export class Fetcher {
  readonly #session: Session;
  readonly #size: number;
  /** Called with each failure that leaves nothing to go on with. */
  readonly #onFailure: (error: unknown) => void;
  /** Ascending, without overlap with each other or with the rest of a flight. */
  #queue: Want[] = [];
  readonly #flights = new Map<Flight, Promise<void>>();
  #isScheduled = false;

  constructor(session: Session, size: number, onFailure: (error: unknown) => void) {
    this.#session = session;
    this.#size = size;
    this.#onFailure = onFailure;
  }

  /** Makes `read` wait for as many bytes as `target` has, at `start`. Their blocks are kept in `cache`, if there is one. */
  fetch(start: number, target: Uint8Array, cache: BlockCache | undefined, read: PendingRead): void {
    const end = start + target.length;
    for (let at = start; at < end; ) {
      const rest = target.subarray(at - start);
      at += this.#share(at, rest, read) || this.#want(at, rest, cache, read);
    }
  }

  /** Brings what of `range` is not on its way yet into `cache`, without anybody waiting; nothing if the budget is short. */
  fetchAhead({ start, end }: ByteRange, cache: BlockCache): void {
    for (let at = start; at < end; ) {
      const { from, to } = this.#freeAround(at, Math.min(end, at + this.#session.settings.requestBytesMax));
      if (from <= at && to > at && this.#session.budget.allows(to - at)) {
        this.#enqueue(new Want(at, to, cache, true, this.#dequeue));
      }
      at = to > at ? to : this.#coveredUntil(at);
    }
  }

  /** Ends everything; whoever waits is rejected with `reason`. Resolves when nothing is under way any more. */
  async abort(reason: unknown): Promise<void> {
    const queue = this.#queue;
    this.#queue = [];
    for (const flight of this.#flights.keys()) flight.abort(reason);
    for (const want of queue) for (const wish of [...want.wishes]) wish.fail(reason);
    await Promise.all(this.#flights.values());
  }

  /** Takes the first bytes from what is under way or waiting already, and tells how many; 0 when nothing is. */
  #share(at: number, target: Uint8Array, read: PendingRead): number {
    for (const flight of this.#live()) {
      const part = flight.partAt(at)?.subarray(0, target.length);
      if (part !== undefined) {
        target.set(part);
        return part.length;
      }
      if (at < flight.position || at >= flight.end) continue;
      const length = Math.min(target.length, flight.end - at);
      flight.join(read.wish(at, target.subarray(0, length), flight));
      return length;
    }
    const want = this.#queue.find((one) => one.start <= at && at < one.end);
    if (want === undefined) return 0;
    const length = Math.min(target.length, want.end - at);
    want.wishes.add(read.wish(at, target.subarray(0, length), want));
    return length;
  }

  /** Queues a range of its own for the first bytes, rounded to blocks as far as nothing else brings those. */
  #want(at: number, target: Uint8Array, cache: BlockCache | undefined, read: PendingRead): number {
    const { requestBytesMax } = this.#session.settings;
    const block = cache?.blockBytes ?? 1;
    const limit = Math.min(at + target.length, at + requestBytesMax);
    const { from, to } = this.#freeAround(at, Math.min(Math.ceil(limit / block) * block, this.#size));
    const start = Math.max(Math.floor(at / block) * block, from);
    const want = new Want(start, to, cache, false, this.#dequeue);
    const length = Math.min(limit, to) - at;
    want.wishes.add(read.wish(at, target.subarray(0, length), want));
    this.#enqueue(want);
    return length;
  }

  /** The widest range around `at`, up to `limit`, that nothing under way or waiting brings. Empty when `at` is covered. */
  #freeAround(at: number, limit: number): { from: number; to: number } {
    let from = 0;
    let to = limit;
    for (const { start, end } of this.#covered()) {
      if (end <= at) from = Math.max(from, end);
      else to = Math.min(to, Math.max(start, at));
    }
    return { from, to };
  }

  #coveredUntil(at: number): number {
    return Math.max(
      at + 1,
      ...[...this.#covered()].filter(({ start, end }) => start <= at && at < end).map((c) => c.end),
    );
  }

  *#covered(): Iterable<ByteRange> {
    for (const flight of this.#live()) yield { start: flight.position, end: flight.end };
    yield* this.#queue;
  }

  *#live(): Iterable<Flight> {
    for (const flight of this.#flights.keys()) if (flight.isLive) yield flight;
  }

  #enqueue(want: Want): void {
    const later = this.#queue.findIndex((other) => other.start > want.start);
    this.#queue.splice(later === -1 ? this.#queue.length : later, 0, want);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.#startSoon();
  }

  readonly #dequeue = (want: Want): void => {
    this.#queue = this.#queue.filter((other) => other !== want);
  };

  async #startSoon(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) await undefined;
    this.#isScheduled = false;
    this.#start();
  }

  #start(): void {
    const { parallel, gapBytes, requestBytesMax } = this.#session.settings;
    while (this.#queue.length > 0 && this.#flights.size < parallel) {
      // Who waits goes before what nobody waits for yet.
      const seed = Math.max(
        this.#queue.findIndex((want) => want.wishes.size > 0),
        0,
      );
      const { first, end } = groupOf(this.#queue, seed, gapBytes, requestBytesMax);
      const flight = new Flight(this.#session, this.#queue.splice(first, end - first));
      this.#flights.set(flight, this.#run(flight));
    }
  }

  async #run(flight: Flight): Promise<void> {
    await flight.run().catch(this.#onFailure);
    this.#flights.delete(flight);
    this.#start();
  }
}
