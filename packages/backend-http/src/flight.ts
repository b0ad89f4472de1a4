// One range on its way: asked for, and asked again from where it stopped until all of it is here. Owns what each byte
// that arrives is for; which ranges make a flight is fetcher's.

import { isBackendError } from "@qcow/block";
import { type Answered, ask } from "./ask.js";
import { BlockFiller } from "./block-filler.js";
import { badAnswer, Transient } from "./http-error.js";
import { unexpected } from "./judge-answer.js";
import type { Wish, WishHolder } from "./pending-read.js";
import { readBody } from "./read-body.js";
import { retrying } from "./retrying.js";
import type { ByteRange } from "./send-request.js";
import type { Session } from "./session.js";
import type { Want } from "./want.js";

/** So many bytes between two failures, and the first one is not held against the server any more. */
const PROGRESS_BYTES = 64 * 1024;
/** A server may send less than was asked for, but not so little that a range takes for ever. */
const SHORT_ANSWERS_MAX = 64;
const SHORT_ANSWER_BYTES = 16 * 1024;

export class Flight implements WishHolder {
  readonly start: number;
  readonly end: number;
  readonly #session: Session;
  readonly #controller = new AbortController();
  readonly #wishes = new Set<Wish>();
  readonly #fillers: readonly BlockFiller[];
  /** Nobody wished for any of it when it began: it goes on when those leave who joined it. */
  readonly #isAhead: boolean;
  /** The next byte that arrives. */
  #position: number;
  #answers = 0;
  #hasFailed = false;

  constructor(session: Session, wants: readonly Want[]) {
    this.#session = session;
    this.start = wants[0]?.start ?? 0;
    this.end = wants.at(-1)?.end ?? 0;
    this.#position = this.start;
    this.#isAhead = wants.every((want) => want.isAhead && want.wishes.size === 0);
    this.#fillers = fillersOf(wants, session.pinned?.size ?? 0);
    for (const want of wants) for (const wish of want.wishes) this.#hold(wish);
  }

  /** The next byte to arrive: what lies before cannot be joined any more. */
  get position(): number {
    return this.#position;
  }

  /** Whether it can be joined: one that was given up still takes a moment to end. */
  get isLive(): boolean {
    return !this.#hasFailed && !this.#controller.signal.aborted;
  }

  /** Takes over a wish that lies between `position` and `end`. */
  join(wish: Wish): void {
    this.#hold(wish);
  }

  /** Bytes from `offset` on that have arrived and are in no cache yet. */
  partAt(offset: number): Uint8Array | undefined {
    for (const filler of this.#fillers) {
      const part = filler.partAt(offset);
      if (part !== undefined) return part;
    }
    return undefined;
  }

  leave(wish: Wish): void {
    if (this.#wishes.delete(wish) && this.#wishes.size === 0 && !this.#isAhead)
      this.abort(new DOMException("nobody waits for it any more", "AbortError"));
  }

  /** Ends it; whoever waits is rejected with `reason`. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Resolves when all of it has arrived; rejects with why not. Either way all wishes have been settled. */
  async run(): Promise<void> {
    const { signal } = this.#controller;
    try {
      while (this.#position < this.end) await retrying(this.#session, signal, () => this.#fly(signal));
    } catch (error) {
      this.#hasFailed = true;
      const left = [...this.#wishes];
      this.#wishes.clear();
      for (const wish of left) wish.fail(error);
      throw error;
    }
  }

  #hold(wish: Wish): void {
    wish.holder = this;
    this.#wishes.add(wish);
  }

  /** One request from where it stopped. */
  async #fly(signal: AbortSignal): Promise<void> {
    const from = this.#position;
    try {
      await ask(this.#session, { start: from, end: this.end }, signal, (answer) => this.#receive(answer));
    } catch (error) {
      // A browser's cache may have parts of several versions. Without it there is no such excuse.
      if (isBackendError(error, "HTTP_IMAGE_CHANGED", "HTTP_NO_RANGES") && this.#session.goPastCache())
        return;
      if (error instanceof Transient) error.progressed = this.#position - from >= PROGRESS_BYTES;
      throw error;
    }
  }

  async #receive({ judged, sent, attempt, reservation }: Answered): Promise<void> {
    const from = this.#position;
    const part = judged.kind === "part" ? judged.part : this.#wholeAsPart(judged);
    if (part === undefined) throw unexpected(this.#session, judged);
    this.#countAnswer(part);
    try {
      await readBody(this.#session, sent, attempt, reservation, { length: part.end - from }, (chunk) => {
        this.#take(chunk);
        // The last bytes count once it is clear that nothing follows them.
        if (this.#position < part.end) this.#fulfilUpTo(this.#position);
      });
    } catch (error) {
      if (this.#position >= part.end) this.#position = from;
      throw error;
    }
    this.#fulfilUpTo(part.end);
  }

  /** A whole file is a fine answer to the wish for all of it. */
  #wholeAsPart(judged: Answered["judged"]): ByteRange | undefined {
    const size = this.#session.pinned?.size;
    const isWhole = judged.kind === "whole" && judged.length === size;
    return isWhole && this.#position === 0 && this.end === size ? { start: 0, end: this.end } : undefined;
  }

  #countAnswer(part: ByteRange): void {
    if (part.end >= this.end) return;
    this.#answers += 1;
    if (this.#answers <= SHORT_ANSWERS_MAX || part.end - this.start >= this.#answers * SHORT_ANSWER_BYTES)
      return;
    throw badAnswer(this.#session.label, "it sends only a few bytes at a time");
  }

  #take(chunk: Uint8Array): void {
    for (const wish of this.#wishes) wish.take(this.#position, chunk);
    for (const filler of this.#fillers) filler.add(this.#position, chunk);
    this.#position += chunk.length;
  }

  #fulfilUpTo(position: number): void {
    for (const wish of this.#wishes) {
      if (wish.end > position) continue;
      this.#wishes.delete(wish);
      wish.fulfil();
    }
  }
}

/** One filler for each row of wants that are kept in the same cache, gaps between them included. */
function fillersOf(wants: readonly Want[], size: number): BlockFiller[] {
  const fillers: BlockFiller[] = [];
  for (let index = 0; index < wants.length; ) {
    const { cache, start } = wants[index] as Want;
    let last = index;
    while (wants[last + 1]?.cache === cache && last + 1 < wants.length) last += 1;
    if (cache !== undefined) fillers.push(new BlockFiller(cache, start, (wants[last] as Want).end, size));
    index = last + 1;
  }
  return fillers;
}
