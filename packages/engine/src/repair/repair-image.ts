// Placeholder until the repair lands.
import type { BlockBackend, LongOptions } from "@qcow/block";

export interface RepairOptions extends LongOptions {
  readonly mode: "leaks" | "all";
}

export async function repairImage(backend: BlockBackend, _options: RepairOptions): Promise<void> {
  throw new Error(`repair of ${backend.label} is not there yet`);
}
