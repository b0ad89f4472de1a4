// The operations of guests in the words of labels. Owns the order in which counters have them.

import type { GuestOperation } from "@qcow/engine";

export const OPERATIONS = ["read", "write", "write_compressed", "write_zeroes", "discard", "flush"] as const;

export type Operation = (typeof OPERATIONS)[number];

/** Index in `OPERATIONS`. */
export function operationIndex(operation: GuestOperation): number {
  switch (operation) {
    case "read":
      return 0;
    case "write":
      return 1;
    case "compressed write":
      return 2;
    case "write zeroes":
      return 3;
    case "discard":
      return 4;
    case "flush":
      return 5;
  }
}
