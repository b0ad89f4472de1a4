// How far a long command has come: a bar on stderr, or lines on a descriptor for another program. Owns
// when and how it is shown; the numbers come from the operation.

import { writeSync } from "node:fs";
import type { Progress, TimeBackend } from "@qcow/block";

export interface ProgressFlags {
  /** `--progress`, `--no-progress`; absent when neither is given. */
  readonly progress?: boolean | undefined;
  /** `--progress-fd`: an inherited descriptor; wins over the bar. */
  readonly fd?: number | undefined;
  readonly quiet: boolean;
  /** Told once when the descriptor cannot be written to any more; the work goes on without progress. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

export interface ProgressDisplay {
  readonly onProgress: (progress: Progress) => void;
  /** Removes the bar; on success after 100 %. Calling it again does nothing. */
  stop(): void;
}

/** Without `--progress`, work that ends within this time shows no bar. */
const BAR_DELAY_MS = 700;

/** A display as the flags want it, or one that shows nothing. */
export async function startProgress(flags: ProgressFlags): Promise<ProgressDisplay> {
  if (flags.fd !== undefined) return lines(flags.fd, flags.onFailure);
  const wanted = flags.progress ?? (!flags.quiet && process.stderr.isTTY === true);
  if (!wanted) return { onProgress: () => {}, stop: () => {} };
  const { systemClock } = await import("@qcow/backend-node");
  const { SingleBar } = (await import("cli-progress")).default;
  const bar = new SingleBar({
    stream: process.stderr,
    noTTYOutput: true,
    format: "[{bar}] {percentage}%",
    barsize: 60,
    barCompleteChar: "#",
    barIncompleteChar: " ",
    hideCursor: true,
  });
  return delayedBar(bar, systemClock, flags.progress === true ? 0 : BAR_DELAY_MS);
}

/**
 * `{ "progress": 42 }` for each change of the percentage, as qcow-tool writes it. The first failure, of a
 * reader that has gone or is stuck, ends the lines and nothing else.
 */
function lines(fd: number, onFailure: (error: unknown) => void = () => {}): ProgressDisplay {
  let last = -1;
  let failed = false;
  return {
    onProgress: (progress) => {
      const percent = percentOf(progress);
      if (failed || percent === last) return;
      last = percent;
      try {
        writeSync(fd, `{ "progress": ${percent} }\n`);
      } catch (error) {
        failed = true;
        onFailure(error);
      }
    },
    stop: () => {},
  };
}

interface Bar {
  start(total: number, value: number): void;
  update(value: number): void;
  stop(): void;
}

function delayedBar(bar: Bar, clock: TimeBackend, delayMs: number): ProgressDisplay {
  const showAtMs = clock.monotonicMs() + delayMs;
  let shown = false;
  return {
    onProgress: (progress) => {
      if (!shown && clock.monotonicMs() < showAtMs) return;
      if (!shown) bar.start(100, 0);
      shown = true;
      bar.update(percentOf(progress));
    },
    stop: () => {
      if (shown) bar.stop();
      shown = false;
    },
  };
}

/** Whole percent, rounded down: 100 means done. */
export function percentOf({ done, total }: Progress): number {
  return total <= 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
}
