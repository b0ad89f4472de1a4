// The flags of this plugin. Owns their definitions and how their values are told apart from those of others; what they do is
// in start-metrics.ts.

import { custom, integer, string } from "@oclif/core/flags";
import type { FlagInput } from "@oclif/core/interfaces";
import type { MetricNames } from "@qcow/metrics";
import { type ListenAddress, parseListenAddress } from "./listen-address.js";
import { type PushTarget, parsePushTarget } from "./push-target.js";

/** The values, as a run has them. */
export interface MetricsFlags {
  readonly "metrics-file"?: string | undefined;
  readonly "metrics-push"?: PushTarget | undefined;
  readonly "metrics-port"?: number | undefined;
  readonly "metrics-listen"?: ListenAddress | undefined;
  readonly "metrics-names"?: MetricNames | undefined;
  readonly "metrics-id"?: string | undefined;
}

const GROUP = "METRICS";
/** Commands that run long enough to be scraped. */
const SERVERS = new Set(["serve"]);

const FOR_ALL: FlagInput = {
  "metrics-file": string({
    helpValue: "PATH",
    helpGroup: GROUP,
    description:
      "Write metrics of this run to a file when it ends, also when it fails, for the textfile collector of node_exporter.",
  }),
  "metrics-push": custom<PushTarget>({
    helpValue: "URL",
    helpGroup: GROUP,
    description:
      "Push metrics of this run to a Pushgateway when it ends. Other users of this machine may see a password in URL.",
    parse: async (input) => parsePushTarget(input),
  })(),
  "metrics-names": string({
    options: ["prometheus", "mirage"],
    helpGroup: GROUP,
    description: "Whose names metrics have: those of Prometheus' conventions, or the twelve of ocaml-qcow.",
  }),
  "metrics-id": string({
    helpValue: "ID",
    helpGroup: GROUP,
    description: "What metrics call the image (label id); made from its address by default.",
  }),
};

const FOR_SERVERS: FlagInput = {
  "metrics-port": integer({
    min: 0,
    max: 65535,
    helpValue: "N",
    helpGroup: GROUP,
    description: "Answer Prometheus at this port of 127.0.0.1, path /metrics; 0 for one that is free.",
    exclusive: ["metrics-listen"],
  }),
  "metrics-listen": custom<ListenAddress>({
    helpValue: "HOST:PORT",
    helpGroup: GROUP,
    description: "The same at another address of this machine. Whoever can connect can read the metrics.",
    parse: async (input) => parseListenAddress(input),
  })(),
};

/** The flags that `command` gets. */
export function metricsFlags(command: string): FlagInput {
  return SERVERS.has(command) ? { ...FOR_ALL, ...FOR_SERVERS } : FOR_ALL;
}
