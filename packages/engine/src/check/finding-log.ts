// Collects what a check finds: totals for all of it, words for the first part. Messages are built only when
// somebody will see them, because a damaged image can have millions of findings.

import type { Finding, FindingCode } from "./check-report.js";

/** Findings kept unless the caller says otherwise. */
export const FINDINGS_MAX_DEFAULT = 1000;

export class FindingLog {
  leaks = 0;
  corruptions = 0;
  errors = 0;
  /** Whether something references a place past the end of the file: perhaps the file is growing. */
  outside = false;
  readonly findings: Finding[] = [];
  omitted = 0;
  readonly #max: number;
  readonly #counts = new Map<FindingCode, number>();
  #complete = true;

  constructor(max: number) {
    this.#max = max;
  }

  /** Some references could not be counted: from now on nothing is called leaked. */
  referencesAreIncomplete(): void {
    this.#complete = false;
  }

  /** How often `code` was found, as the totals count it. */
  count(code: FindingCode): number {
    return this.#counts.get(code) ?? 0;
  }

  leak(message: () => string, offset: number): void {
    if (!this.#complete) return;
    this.leaks++;
    this.#keep("leak", "REFCOUNT_TOO_HIGH", message, offset, 1);
  }

  corruption(code: FindingCode, message: () => string, offset?: number, times = 1): void {
    this.corruptions += times;
    if (code === "REFERENCE_OUTSIDE_FILE") this.outside = true;
    this.#keep("corruption", code, message, offset, times);
  }

  error(code: FindingCode, message: () => string, offset?: number): void {
    this.errors++;
    this.#keep("error", code, message, offset, 1);
  }

  #keep(
    severity: Finding["severity"],
    code: FindingCode,
    message: () => string,
    offset: number | undefined,
    times: number,
  ): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + times);
    if (this.findings.length >= this.#max) {
      this.omitted++;
      return;
    }
    const finding = { severity, code, message: message(), times };
    this.findings.push(offset === undefined ? finding : { ...finding, offset });
  }
}
