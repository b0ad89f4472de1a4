// SIGINT and SIGTERM as an AbortSignal. Owns the handlers; a second signal ends the process at once.

import { ExitCode } from "./exit-codes.js";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Cancels for another reason than a signal, e.g. because nobody reads the output any more. */
  abort(reason?: unknown): void;
  /** Removes the handlers. */
  dispose(): void;
}

/** Starts to turn SIGINT and SIGTERM into an abort of the returned signal. */
export function watchInterrupts(): Interruption {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    dispose: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
