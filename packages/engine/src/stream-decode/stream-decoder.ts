// Follows a stream cluster by cluster. What a cluster is becomes known as the stream goes: the header says where the L1
// table lies, that says where L2 tables lie, and these where contents lie. Whatever comes before it is known is kept
// (past-bytes.ts) until it is, or until every table is known and none wants it.

import { type CompressionBackend, yieldToHost } from "@qcow/block";
import type { Geometry } from "@qcow/format";
import type { ImageHead } from "../image-metadata.js";
import { isCutShort } from "../read/read-compressed.js";
import type { Spill } from "../spill/spill.js";
import { ClaimHeap } from "./claim-heap.js";
import { copySubclusters } from "./copy-subclusters.js";
import { Deliveries } from "./deliveries.js";
import type { GuestTarget } from "./guest-target.js";
import { L2Places } from "./l2-places.js";
import { PastBytes } from "./past-bytes.js";
import { deliverPast } from "./past-claims.js";
import { cutShort, passedBy } from "./stream-errors.js";
import { LOOKAHEAD_CLUSTERS, type StreamWindow } from "./stream-window.js";
import { ALL_SUBCLUSTERS, CLAIM_BYTES, SLACK_BYTES, TableClaims } from "./table-claims.js";

/** What is known of a stream that was decoded. */
export interface DecodedStream {
  /** Length of the disk in bytes. */
  readonly virtualSize: number;
  /** Length of the image in bytes, whatever followed its last cluster included. */
  readonly streamBytes: number;
  /** Bytes that came before it was known where they belong, or that they are not needed. */
  readonly keptBytes: number;
}

export interface StreamDecoderSetup {
  readonly head: ImageHead;
  readonly label: string;
  readonly window: StreamWindow;
  readonly target: GuestTarget;
  readonly spill: Spill;
  readonly compression: CompressionBackend | undefined;
  readonly memoryBytes: number;
  /** Aborted when something under way fails; `signal` follows it. */
  readonly stop: AbortController;
  readonly signal: AbortSignal;
}

export class StreamDecoder {
  readonly #setup: StreamDecoderSetup;
  readonly #geometry: Geometry;
  readonly #window: StreamWindow;
  readonly #past: PastBytes;
  readonly #claims = new ClaimHeap();
  readonly #deliveries: Deliveries;
  readonly #l1Start: number;
  readonly #l1Entries: number;
  #l1Bytes: Uint8Array | undefined;
  #places: L2Places | undefined;
  /** Memory that tables may still take. */
  #tableBytes: number;
  /** Up to where in the file it is decided what of it is kept. */
  #decided = 0;
  #isAllKnown = false;
  #keptBytes = 0;

  constructor(setup: StreamDecoderSetup) {
    const { geometry, header } = setup.head;
    this.#setup = setup;
    this.#geometry = geometry;
    this.#window = setup.window;
    this.#tableBytes = setup.memoryBytes / 4;
    this.#past = new PastBytes((setup.memoryBytes * 3) / 4, setup.spill, { signal: setup.signal });
    this.#l1Start = Number(header.l1TableOffset);
    this.#l1Entries = Math.ceil(geometry.virtualSize / geometry.guestBytesPerL2);
    this.#deliveries = new Deliveries({
      label: setup.label,
      geometry,
      target: setup.target,
      window: setup.window,
      compression: setup.compression,
      options: { signal: setup.signal },
      onFailure: (error) => setup.stop.abort(error),
    });
  }

  /** Memory of tables is free again. */
  freeTables(bytes: number): void {
    this.#tableBytes += bytes;
  }

  async run(): Promise<DecodedStream> {
    try {
      if (this.#l1Entries === 0) await this.#knowL1();
      await this.#noticeAllKnown();
      await this.#follow();
      await this.#end();
      await this.#deliveries.settle();
      this.#setup.signal.throwIfAborted();
      await this.#setup.target.finish();
    } catch (error) {
      this.#setup.stop.abort(error);
      throw error;
    } finally {
      await this.#deliveries.settle();
    }
    const { virtualSize } = this.#geometry;
    return { virtualSize, streamBytes: this.#window.end, keptBytes: this.#keptBytes };
  }

  async #follow(): Promise<void> {
    const { clusterSize } = this.#geometry;
    const window = this.#window;
    for (;;) {
      await window.fill();
      const end = window.ended
        ? window.end
        : window.end - (window.end % clusterSize) - LOOKAHEAD_CLUSTERS * clusterSize;
      let at = window.start;
      for (; at < end; at += clusterSize) {
        const work = this.#cluster(at);
        if (work !== undefined) await work;
      }
      this.#deliveries.flush();
      this.#setup.signal.throwIfAborted();
      if (window.ended) return;
      await window.moveTo(at);
      await yieldToHost();
    }
  }

  // Not async itself: most clusters need no waiting, and there are millions.
  #cluster(at: number): Promise<void> | undefined {
    const next = at + this.#geometry.clusterSize;
    const isTable = this.#places === undefined ? this.#touchesL1(at, next) : this.#places.nextOffset === at;
    if (isTable || this.#claims.nextStart < next) return this.#wantedCluster(at, next);
    return this.#keepUpTo(next);
  }

  #touchesL1(at: number, next: number): boolean {
    return at < this.#l1Start + this.#l1Entries * 8 && next > this.#l1Start;
  }

  async #wantedCluster(at: number, next: number): Promise<void> {
    if (this.#places === undefined && this.#touchesL1(at, next)) await this.#takeL1(at, next);
    if (this.#places?.nextOffset === at) await this.#takeTable(at, next);
    while (this.#claims.nextStart < next) {
      const kept = await this.#takeClaim();
      if (kept !== undefined) await kept;
    }
    const kept = this.#keepUpTo(next);
    if (kept !== undefined) await kept;
    await this.#noticeAllKnown();
  }

  async #takeL1(at: number, next: number): Promise<void> {
    const length = this.#l1Entries * 8;
    this.#l1Bytes ??= new Uint8Array(length);
    const from = Math.max(at, this.#l1Start);
    const to = Math.min(next, this.#l1Start + length);
    this.#l1Bytes.set(this.#window.slice(from, to), from - this.#l1Start);
    await this.#keepUpTo(at);
    this.#decided = next;
    if (to === this.#l1Start + length) await this.#knowL1(at);
  }

  /** All of the L1 table is there; tables before `at` have passed by. */
  async #knowL1(at = 0): Promise<void> {
    const { label, target } = this.#setup;
    const { clusterSize } = this.#geometry;
    const bytes = this.#l1Bytes ?? new Uint8Array(0);
    const places = new L2Places(bytes, this.#l1Entries, clusterSize, label);
    this.#l1Bytes = undefined;
    this.#places = places;
    await target.begin(places);
    while (places.nextOffset < at) {
      const offset = places.nextOffset;
      const table = new Uint8Array(clusterSize);
      await this.#readPast(offset, table);
      await this.#load(table, places.takeNext(), at);
    }
  }

  /** Fills `table`, as far as the stream has it. */
  async #readPast(offset: number, table: Uint8Array): Promise<void> {
    const present = Math.min(table.byteLength, this.#window.end - offset);
    if (this.#past.available(offset, present) < present)
      throw passedBy(this.#setup.label, offset, "the L2 table");
    await this.#past.read(offset, table.subarray(0, present));
  }

  async #takeTable(at: number, next: number): Promise<void> {
    const indices = (this.#places as L2Places).takeNext();
    const table = this.#window.slice(at, next).slice();
    if (!(await this.#load(table, indices, at))) return;
    const kept = this.#keepUpTo(at);
    if (kept !== undefined) await kept;
    this.#decided = next;
  }

  /**
   * Takes in a table, delivers what of its contents has passed by before `at`, and waits for the rest. False when memory
   * has no room for it: then it stays among the bytes that are kept, and so do its contents, until the stream has ended.
   */
  async #load(table: Uint8Array, indices: Uint32Array, at: number): Promise<boolean> {
    const { l2Entries } = this.#geometry;
    const bytes = table.byteLength + l2Entries * CLAIM_BYTES;
    const planBytes = indices.length * this.#setup.target.bytesPerTable(l2Entries);
    if (bytes + planBytes > this.#tableBytes) return false;
    this.#tableBytes -= bytes + planBytes;
    const claims = await this.#planned(table, indices);
    await this.#deliverPast(claims, at);
    if (claims.nextStart === Number.POSITIVE_INFINITY) this.#tableBytes += bytes;
    else this.#claims.push(claims);
    return true;
  }

  async #planned(table: Uint8Array, indices: Uint32Array): Promise<TableClaims> {
    const { label, target } = this.#setup;
    const { guestBytesPerL2, clusterSize, virtualSize, l2Entries } = this.#geometry;
    const guest = (indices[0] as number) * guestBytesPerL2;
    const count = Math.min(l2Entries, Math.ceil((virtualSize - guest) / clusterSize));
    const claims = new TableClaims(table, indices, count, this.#geometry, { label, guest });
    for (const index of indices) {
      await target.plan(index, claims.data, claims.order.length);
      (this.#places as L2Places).settle(index);
    }
    return claims;
  }

  async #deliverPast(claims: TableClaims, at: number): Promise<void> {
    await deliverPast(claims, at, {
      label: this.#setup.label,
      geometry: this.#geometry,
      past: this.#past,
      window: this.#window,
      deliveries: this.#deliveries,
      signal: this.#setup.signal,
    });
  }

  /** Delivers what the window has for the table on top; the promise, if any, is that of keeping what lies before. */
  async #takeClaim(): Promise<Promise<void> | undefined> {
    const claims = this.#claims.top as TableClaims;
    const entry = claims.order[claims.cursor++] as number;
    const start = claims.startOf(entry);
    const { clusterSize, l2Entries } = this.#geometry;
    let sureEnd = start + clusterSize;
    if (claims.isCompressed(entry)) {
      const end = start + claims.compressedLength(entry);
      sureEnd = end - SLACK_BYTES;
      await this.#deliverCompressed(claims, entry, start, end);
    } else {
      await this.#deliverPlain(claims, entry, start);
      if (!claims.isSole(entry)) sureEnd = start;
    }
    if (this.#claims.advanceTop()) this.#tableBytes += clusterSize + l2Entries * CLAIM_BYTES;
    if (this.#isAllKnown || this.#past.isFull || sureEnd <= this.#decided) return undefined;
    const kept = this.#keepUpTo(start);
    this.#decided = Math.max(this.#decided, sureEnd);
    return kept;
  }

  async #deliverPlain(claims: TableClaims, entry: number, start: number): Promise<void> {
    const { clusterSize, subclusterSize } = this.#geometry;
    const alloc = claims.subclusters(entry);
    if (alloc === ALL_SUBCLUSTERS && claims.indices.length === 1)
      return this.#deliveries.plain(claims.guestOf(claims.indices[0] as number, entry), start);
    const bytes = this.#window.slice(start, start + clusterSize);
    for (const index of claims.indices) {
      if (!claims.isInside(index, entry)) continue;
      await this.#deliveries.made(claims.guestOf(index, entry), async (target) => {
        if (alloc === ALL_SUBCLUSTERS) target.set(bytes);
        else copySubclusters(bytes, target, alloc, subclusterSize);
      });
    }
  }

  async #deliverCompressed(claims: TableClaims, entry: number, start: number, end: number): Promise<void> {
    const stream = this.#window.slice(start, Math.min(end, this.#window.end));
    if (this.#window.ended && isCutShort(start, end - start, this.#window.end))
      throw cutShort(this.#setup.label, this.#window.end, "compressed contents", start);
    for (const index of claims.indices) {
      if (!claims.isInside(index, entry)) continue;
      const { settled } = await this.#deliveries.compressed(claims.guestOf(index, entry), start, stream);
      this.#window.work.push(settled);
    }
  }

  /** Keeps what nothing has claimed for itself, up to `end` in the file. */
  #keepUpTo(end: number): Promise<void> | undefined {
    const start = this.#decided;
    if (end <= start) return undefined;
    this.#decided = end;
    if (this.#isAllKnown) return undefined;
    const bytes = this.#window.slice(start, Math.min(end, this.#window.end));
    this.#keptBytes += bytes.byteLength;
    return this.#past.keep(start, bytes);
  }

  /** Once no table is missing, nothing that has passed by can be wanted any more. */
  async #noticeAllKnown(): Promise<void> {
    if (this.#isAllKnown || this.#places === undefined || this.#places.left > 0) return;
    this.#isAllKnown = true;
    await this.#deliveries.settle();
    this.#past.clear();
  }

  /** The stream has ended: what is missing never comes, and tables that memory had no room for have their turn. */
  async #end(): Promise<void> {
    const { label } = this.#setup;
    const { end } = this.#window;
    if (this.#places === undefined) {
      if (this.#l1Start >= end) throw cutShort(label, end, "the L1 table", this.#l1Start);
      await this.#knowL1(end);
    }
    const places = this.#places as unknown as L2Places;
    if (places.nextOffset < Number.POSITIVE_INFINITY)
      throw cutShort(label, end, "an L2 table", places.nextOffset);
    if (this.#claims.nextStart < Number.POSITIVE_INFINITY)
      throw cutShort(label, end, "contents", this.#claims.nextStart);
    await this.#deliveries.settle();
    for (let index = 0; index < places.count && places.left > 0; index++)
      if (places.isWaiting(index)) await this.#lateTable(index, places.offsetOf(index));
  }

  async #lateTable(index: number, offset: number): Promise<void> {
    const { clusterSize } = this.#geometry;
    const { end } = this.#window;
    this.#setup.signal.throwIfAborted();
    const table = new Uint8Array(clusterSize);
    await this.#readPast(offset, table);
    const claims = await this.#planned(table, Uint32Array.of(index));
    await this.#deliverPast(claims, end);
    if (claims.nextStart < Number.POSITIVE_INFINITY)
      throw cutShort(this.#setup.label, end, "contents", claims.nextStart);
  }
}
