// The only source of time in the project. Owns no behaviour: the system clock is in backend-node,
// the manual clock of the tests in backend-memory.

import type { IoOptions } from "./io-options.js";

export interface TimeBackend {
  /** Milliseconds since an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC. For time stamps that are stored. */
  wallMs(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason. */
  sleep(ms: number, options?: IoOptions): Promise<void>;
}
