// SIGINT, SIGTERM and SIGHUP as an AbortSignal. Owns the handlers; a second signal ends the process at once.

import { ExitCode } from "./exit-codes.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Removes the handlers. */
  dispose(): void;
}

/** Starts to turn them into an abort of the returned signal. */
export function watchInterrupts(): Interruption {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
