// Takes care of free space while an image is in use: makes what was given up durable after a while, keeps a pool of
// erased clusters, and compacts once enough is free and the guest has stopped giving up more. Owns when each of these
// happens, by the clock it was given; how a cluster moves lies in move-while-used.ts.

import type { TimeBackend } from "@qcow/block";
import type { ClusterStates } from "./cluster-states.js";
import { cutFile } from "./cut-file.js";
import { eraseSome } from "./erase-clusters.js";
import { findInvariantBroken } from "./invariants.js";
import { MovePass } from "./move-while-used.js";
import type { RecycleContext } from "./recycle-context.js";

/** What was given up, or erased, is flushed after this time. */
const FLUSH_AFTER_MS = 5000;
/** Compaction waits until as much was free for this time as is free now. */
const SETTLE_MS = 5000;
/** After something failed. */
const RETRY_MS = 5000;

export interface RecyclerOptions {
  readonly time: TimeBackend;
  /** Clusters in the pool of erased ones; 0 for none. */
  readonly keepErased: number;
  /** Compaction begins when more junk clusters than this are there; `undefined` for never. */
  readonly compactAfter: number | undefined;
  /** Whether the invariants are verified after each change. */
  readonly runtimeAsserts: boolean;
}

export class Recycler {
  readonly #context: RecycleContext;
  readonly #options: RecyclerOptions;
  readonly #stop: AbortController;
  #worker: Promise<void> = Promise.resolve();
  #flusher: Promise<void> = Promise.resolve();
  /** Erased clusters that no flush has covered yet. */
  #erased: { first: number; count: number }[] = [];
  #wake: (() => void)[] = [];
  /** Junk when a compaction last found nothing to move: there is no point in another before that changes. */
  #futileAt = -1;
  #compactions = 0;

  /** `stop` ends it: the signal of `context` is its. */
  constructor(context: RecycleContext, options: RecyclerOptions, stop: AbortController) {
    this.#context = context;
    this.#options = options;
    this.#stop = stop;
  }

  /** What the refcounts in the file say; all free clusters are junk. */
  static async learnStates(context: RecycleContext): Promise<void> {
    const { backend, clusterSize, disk, states } = context;
    const clusters = Math.ceil((await backend.size()) / clusterSize);
    for (let index = 0; index < clusters; index++) {
      const { allocator, refcounts } = disk;
      const hasBlock = refcounts.blockOffset(refcounts.blockIndexOf(index)) !== 0;
      if (hasBlock && !refcounts.has(index)) await allocator.refcount(index);
      states.learn(index, hasBlock && refcounts.get(index) !== 0 ? "used" : "junk");
    }
    disk.allocator.follow(states);
  }

  start(): void {
    // A cluster is free some time after the commit that made it so durable.
    this.#context.states.onFreed = () => this.notify();
    this.#worker = this.#run(() => this.#work());
    this.#flusher = this.#run(() => this.#flush());
  }

  /** Something has changed that may give it work. */
  notify(): void {
    if (this.#wake.length === 0) return;
    const wake = this.#wake;
    this.#wake = [];
    for (const each of wake) each();
  }

  /** Ends it; what is under way ends at the next safe point. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.notify();
    await Promise.all([this.#worker, this.#flusher]);
    this.#context.disk.allocator.follow(undefined);
  }

  /** How many compactions began. */
  get compactions(): number {
    return this.#compactions;
  }

  get states(): ClusterStates {
    return this.#context.states;
  }

  // One error does not end it: it is told, and the next try comes after a while.
  async #run(step: () => Promise<void>): Promise<void> {
    const { observer, signal, states } = this.#context;
    while (!signal.aborted) {
      try {
        await step();
        if (this.#options.runtimeAsserts) this.#assert();
      } catch (cause) {
        if (signal.aborted) return;
        observer?.diagnostic?.({
          message: `recycling failed: ${describe(cause)}; ${states.summary()}`,
          cause,
        });
        await this.#sleep(RETRY_MS);
      }
    }
  }

  #assert(): void {
    const broken = findInvariantBroken(this.#context);
    if (broken !== undefined) throw broken;
  }

  /** The most urgent thing that there is to do; waits when there is nothing. */
  async #work(): Promise<void> {
    const { states } = this.#context;
    const { keepErased, compactAfter } = this.#options;
    const missing = keepErased - states.count("erased") - states.count("available");
    if (missing > 0 && states.count("junk") > 0) return await this.#erase(missing);
    const junk = states.count("junk");
    if (compactAfter !== undefined && junk > compactAfter && junk !== this.#futileAt) {
      await this.#sleep(SETTLE_MS);
      // Whatever was freed or taken meanwhile: it has not settled yet.
      if (states.count("junk") === junk && !this.#context.signal.aborted) await this.#compact();
      return;
    }
    await this.#changed();
  }

  async #erase(count: number): Promise<void> {
    const done = await eraseSome(this.#context, 0, count);
    if (done.count > 0) this.#erased.push(done);
    // A cluster that cannot be had now must not be tried for ever.
    else await this.#changed();
    this.notify();
  }

  async #compact(): Promise<void> {
    const { states } = this.#context;
    const before = states.clusters;
    this.#compactions++;
    await this.#context.prepare();
    const moved = await new MovePass(this.#context, this.#end()).run();
    await cutFile(this.#context);
    if (moved === 0 && states.clusters === before) this.#futileAt = states.count("junk");
  }

  /** The first cluster from which on all that is in use fits before. */
  #end(): number {
    const { disk, states } = this.#context;
    let room = states.clusters - states.freeClusters;
    let index = 0;
    for (; index < states.clusters && room > 0; index++)
      if (!states.isFree(index) || disk.allocator.isUsable(index)) room--;
    return index;
  }

  async #flush(): Promise<void> {
    const { disk, states } = this.#context;
    if (this.#erased.length === 0 && disk.pending.clusters === 0) return await this.#changed();
    await this.#sleep(FLUSH_AFTER_MS);
    if (this.#context.signal.aborted) return;
    const erased = this.#erased;
    this.#erased = [];
    await disk.committer.commit();
    const again = new Set<number>();
    for (const { first, count } of this.#erased) for (let at = 0; at < count; at++) again.add(first + at);
    for (const { first, count } of erased) {
      for (let index = first; index < first + count; index++)
        if (states.state(index) === "erased" && !again.has(index))
          states.change(index, 1, "erased", "available");
    }
    this.notify();
  }

  #changed(): Promise<void> {
    if (this.#context.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake.push(resolve);
    });
  }

  async #sleep(ms: number): Promise<void> {
    await this.#options.time.sleep(ms, { signal: this.#context.signal }).catch(() => undefined);
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
