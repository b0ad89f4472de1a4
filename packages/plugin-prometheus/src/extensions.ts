// The hook by which qcow learns of this plugin's flags. Owns nothing else, and loads little: it is run for every command.

import type { ExtensionHookOptions } from "@qcow/cli-kit";
import { metricsFlags } from "./flags.js";
import { startMetrics } from "./start-metrics.js";

export default async function addMetrics({ addExtension }: ExtensionHookOptions): Promise<void> {
  addExtension({ flags: metricsFlags, begin: startMetrics });
}
