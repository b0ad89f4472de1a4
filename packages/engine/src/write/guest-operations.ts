// The operations of the guest on a writable image: those under way, what they come to, and who is told. Owns the order of
// these; what an operation does is its own file.

import type { IoOptions } from "@qcow/block";
import { type OperationReports, reportOperation } from "../guest-operation.js";
import type { GuestOperation } from "../observer.js";
import type { GuestTotals } from "../recycle/statistics.js";
import { Operations } from "./operations.js";
import { SlowIoWatch } from "./slow-io-watch.js";

export class GuestOperations {
  readonly #reports: OperationReports;
  readonly #operations = new Operations();
  readonly #watch: SlowIoWatch;
  readonly #totals: GuestTotals = { read: 0, written: 0, discarded: 0 };

  /** `holders` says what is locked, and who waits for it. */
  constructor(reports: OperationReports, holders: () => readonly string[]) {
    this.#reports = reports;
    this.#watch = new SlowIoWatch(reports.time, reports.observer, holders);
  }

  /** Bytes of those that are done. */
  get totals(): GuestTotals {
    return this.#totals;
  }

  run(
    operation: GuestOperation,
    offset: number,
    length: number,
    io: IoOptions,
    job: () => Promise<void>,
  ): Promise<void> {
    return this.#operations.run(() =>
      reportOperation(this.#reports, operation, offset, length, io, async () => {
        await this.#watch.run(operation, offset, length, job);
        this.#note(operation, offset, length);
      }),
    );
  }

  /** Resolves when none is under way; no new one may begin any more. */
  idle(): Promise<void> {
    return this.#operations.idle();
  }

  close(): void {
    this.#watch.close();
  }

  #note(operation: GuestOperation, offset: number, length: number): void {
    const { observer } = this.#reports;
    switch (operation) {
      case "read":
        this.#totals.read += length;
        observer?.guestRead?.({ offset, length });
        break;
      case "write":
      case "compressed write":
        this.#totals.written += length;
        observer?.guestWrite?.({ offset, length });
        break;
      case "discard":
        this.#totals.discarded += length;
        observer?.guestDiscard?.({ offset, length });
        break;
      case "write zeroes":
        observer?.guestDiscard?.({ offset, length });
        break;
      case "flush":
        break;
    }
  }
}
