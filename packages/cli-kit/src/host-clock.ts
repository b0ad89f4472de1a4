// The clock of this host, for commands: they wait and measure by it alone. Owns that it is loaded only when it is wanted.

import type { TimeBackend } from "@qcow/block";

export async function hostClock(): Promise<TimeBackend> {
  return (await import("@qcow/backend-node")).systemClock;
}
