// Begins to watch a run, if its flags ask for metrics. Owns what each flag means.

import type { RunContext, RunWatch } from "@qcow/cli-kit";
import type { MetricsFlags } from "./flags.js";
import type { ListenAddress } from "./listen-address.js";
import { UsageError } from "./usage-error.js";

/** Where nobody but this machine gets. */
const LOOPBACK = "127.0.0.1";

export async function startMetrics(context: RunContext): Promise<RunWatch | undefined> {
  const flags = context.flags as MetricsFlags;
  const { "metrics-file": file, "metrics-push": push } = flags;
  const listen = listenAddress(flags);
  if (file === undefined && push === undefined && listen === undefined) {
    requireNothingElse(flags);
    return undefined;
  }
  // What costs something is loaded now, and not by each command of somebody who has this plugin.
  const [{ MetricsWatch }, { requireReplaceable }] = await Promise.all([
    import("./metrics-watch.js"),
    import("./text-file.js"),
  ]);
  if (file !== undefined) await requireReplaceable(file);
  const watch = await MetricsWatch.create(context, {
    file,
    push,
    names: flags["metrics-names"] ?? "prometheus",
    id: flags["metrics-id"],
  });
  if (listen !== undefined) context.note(`metrics: ${await watch.listen(listen)}`);
  return watch;
}

function listenAddress({
  "metrics-port": port,
  "metrics-listen": listen,
}: MetricsFlags): ListenAddress | undefined {
  return listen ?? (port === undefined ? undefined : { host: LOOPBACK, port });
}

/** Whoever says how metrics are to be called wants some. */
function requireNothingElse(flags: MetricsFlags): void {
  for (const name of ["metrics-names", "metrics-id"] as const) {
    if (flags[name] !== undefined)
      throw new UsageError(`--${name} says nothing without --metrics-file, --metrics-push or a port`);
  }
}
