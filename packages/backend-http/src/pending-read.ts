// One read of a caller, made of wishes for bytes that several requests fulfil. Owns when it is done: with the last
// wish, with the first that fails, or when it is cancelled; after that nothing touches the caller's buffer.

import type { Cancellations } from "./cancellations.js";

/** Who will fulfil a wish: a request that waits or is under way. */
export interface WishHolder {
  /** Nobody waits for `wish` any more. */
  leave(wish: Wish): void;
}

/** Bytes from `start` up to but not including `end` that a read waits for, and where they go. */
export class Wish {
  readonly start: number;
  readonly end: number;
  readonly target: Uint8Array;
  readonly #read: PendingRead;
  holder: WishHolder;

  constructor(start: number, target: Uint8Array, read: PendingRead, holder: WishHolder) {
    this.start = start;
    this.end = start + target.length;
    this.target = target;
    this.#read = read;
    this.holder = holder;
  }

  /** Copies what of `bytes`, which lie at `offset`, was wished for. */
  take(offset: number, bytes: Uint8Array): void {
    const from = Math.max(this.start, offset);
    const to = Math.min(this.end, offset + bytes.length);
    if (from < to) this.target.set(bytes.subarray(from - offset, to - offset), from - this.start);
  }

  fulfil(): void {
    this.#read.fulfilled(this);
  }

  fail(error: unknown): void {
    this.#read.end(error);
  }
}

export class PendingRead {
  readonly #promise: Promise<void>;
  readonly #signal: AbortSignal | undefined;
  readonly #cancellations: Cancellations;
  readonly #wishes = new Set<Wish>();
  readonly #onAbort = () => this.end(this.#signal?.reason);
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #isComplete = false;

  constructor(signal: AbortSignal | undefined, cancellations: Cancellations) {
    this.#signal = signal;
    this.#cancellations = cancellations;
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal !== undefined) cancellations.add(signal, this.#onAbort);
  }

  /** A wish for as many bytes as `target` has, which `holder` will fulfil. */
  wish(start: number, target: Uint8Array, holder: WishHolder): Wish {
    const wish = new Wish(start, target, this, holder);
    this.#wishes.add(wish);
    return wish;
  }

  /** There are no more wishes to come. Settles when all have been fulfilled. */
  complete(): Promise<void> {
    this.#isComplete = true;
    this.#endIfFulfilled();
    return this.#promise;
  }

  fulfilled(wish: Wish): void {
    this.#wishes.delete(wish);
    this.#endIfFulfilled();
  }

  /** Fails the read; what else it waits for is left. */
  end(error: unknown): void {
    this.#stopListening();
    const left = [...this.#wishes];
    this.#wishes.clear();
    this.#reject(error);
    for (const wish of left) wish.holder.leave(wish);
  }

  #stopListening(): void {
    if (this.#signal !== undefined) this.#cancellations.remove(this.#signal, this.#onAbort);
  }

  #endIfFulfilled(): void {
    if (!this.#isComplete || this.#wishes.size > 0) return;
    this.#stopListening();
    this.#resolve();
  }
}
