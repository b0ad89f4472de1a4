// Joins neighbours while a table is decoded: what the guest sees side by side, and lies side by side in
// the host, becomes one run. Owns the joining rule of one layer.

import { RunKind, type RunList } from "./run-list.js";

export class RunBuilder {
  readonly #runs: RunList;
  readonly #depth: number;
  #start = 0;
  #length = 0;
  #kind = -1;
  #host = 0;
  #extra = 0;

  constructor(runs: RunList, depth: number) {
    this.#runs = runs;
    this.#depth = depth;
  }

  /** Adds the run that follows the last one. */
  add(start: number, length: number, kind: number, host: number, extra: number): void {
    if (kind === this.#kind && this.#joins(host, extra)) {
      this.#length += length;
      return;
    }
    this.flush();
    this.#start = start;
    this.#length = length;
    this.#kind = kind;
    this.#host = host;
    this.#extra = extra;
  }

  /** Hands the run under construction over. */
  flush(): void {
    if (this.#kind >= 0) {
      this.#runs.push(this.#start, this.#length, this.#kind, this.#host, this.#extra, this.#depth);
    }
    this.#kind = -1;
  }

  #joins(host: number, extra: number): boolean {
    switch (this.#kind) {
      case RunKind.unallocated:
      case RunKind.zero:
        return true;
      case RunKind.data:
      case RunKind.zeroAllocated:
      case RunKind.unallocatedReserved:
        return this.#host + this.#length === host;
      case RunKind.invalid:
        return this.#extra === extra;
      default:
        return false;
    }
  }
}
