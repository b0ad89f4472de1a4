// Checks an image, again when it grew meanwhile: a reference past the end of a file that another process
// is writing means little. Owns the attempts.

import type { LongOptions, ReadableBlockBackend } from "@qcow/block";
import { checkOnce } from "./check-once.js";
import type { CheckReport } from "./check-report.js";
import { FINDINGS_MAX_DEFAULT, FindingLog } from "./finding-log.js";

/** How often a check is begun anew because the file grew. */
export const ATTEMPTS_MAX = 5;

/** Most bytes for counting clusters unless the caller says otherwise. */
export const MEMORY_BYTES_MAX_DEFAULT = 4 * 1024 ** 3;

export interface CheckOptions extends LongOptions {
  /** Most findings to keep; the totals count all. Default 1000. */
  readonly findingsMax?: number | undefined;
  /**
   * Most bytes for counting clusters; default 4 GiB. Six bytes for each cluster (eight with refcounts of more than 16
   * bits), for all 8192 clusters of a page as soon as one of them is in use.
   */
  readonly memoryBytesMax?: number | undefined;
}

/**
 * Checks the image in `backend`: every reference, refcount and flag of its metadata. Never writes, opens no
 * other file, reads no contents. Progress is in L2 tables.
 *
 * Damage is in the report. Rejects with a `FormatError` when the header is no sound image's, an `EngineError`
 * `QCOW2_CHECK_TOO_LARGE`, a `BackendError`, the signal's reason.
 */
export async function checkImage(
  backend: ReadableBlockBackend,
  options: CheckOptions = {},
): Promise<CheckReport> {
  for (let attempts = 1; ; attempts++) {
    const sizeBefore = await backend.size(options);
    const log = new FindingLog(options.findingsMax ?? FINDINGS_MAX_DEFAULT);
    const memoryBytesMax = options.memoryBytesMax ?? MEMORY_BYTES_MAX_DEFAULT;
    const report = await checkOnce(backend, log, memoryBytesMax, options);
    const changing = log.outside && (await backend.size(options)) > sizeBefore;
    if (!changing || attempts === ATTEMPTS_MAX) return { ...report, attempts, fileChanging: changing };
  }
}
