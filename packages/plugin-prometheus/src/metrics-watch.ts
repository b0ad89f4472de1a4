// Watches one run: hands what happens to @qcow/metrics, and metrics to where the user wants them. Owns the order at the end.

import {
  hostClock,
  type ImageWatch,
  type RemoteStatistics,
  type RunContext,
  type RunOutcome,
  type RunWatch,
  type WatchedImage,
} from "@qcow/cli-kit";
import { type HttpTotals, type MetricNames, QcowMetrics } from "@qcow/metrics";
import { addCommandMetrics } from "./command-metrics.js";
import { type Endpoint, openEndpoint } from "./endpoint.js";
import type { ListenAddress } from "./listen-address.js";
import { addProcessMetrics } from "./process-metrics.js";
import { pushMetrics } from "./push-metrics.js";
import type { PushTarget } from "./push-target.js";
import { writeWhole } from "./text-file.js";

export interface MetricsOptions {
  readonly file: string | undefined;
  readonly push: PushTarget | undefined;
  readonly names: MetricNames;
  /** What the first image is called. */
  readonly id: string | undefined;
}

type Clock = Awaited<ReturnType<typeof hostClock>>;

export class MetricsWatch implements RunWatch {
  readonly #context: RunContext;
  readonly #options: MetricsOptions;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #metrics: QcowMetrics;
  /** Label by the id that the run has given. */
  readonly #labels = new Map<string, string>();
  #endpoint: Endpoint | undefined;

  private constructor(context: RunContext, options: MetricsOptions, clock: Clock) {
    this.#context = context;
    this.#options = options;
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#metrics = new QcowMetrics({ names: options.names });
  }

  static async create(context: RunContext, options: MetricsOptions): Promise<MetricsWatch> {
    return new MetricsWatch(context, options, await hostClock());
  }

  /** Answers scrapes from now on; resolves with the address of the metrics. */
  async listen(address: ListenAddress): Promise<string> {
    if (this.#options.names === "prometheus") {
      const startSeconds = this.#clock.wallMs() / 1000 - process.uptime();
      addProcessMetrics(this.#metrics.registry, { version: this.#context.version, startSeconds });
    }
    this.#endpoint = await openEndpoint(this.#metrics, address);
    return this.#endpoint.url;
  }

  image({ id }: WatchedImage): ImageWatch {
    const image = this.#metrics.image(this.#labelOf(id));
    return {
      observer: image.observer,
      opened: (statistics) => image.opened(statistics),
      closed: (last) => image.closed(last),
    };
  }

  get nbd() {
    return this.#metrics.nbd;
  }

  http(statistics: () => RemoteStatistics): void {
    this.#metrics.http(() => totalsOf(statistics()));
  }

  async finish(outcome: RunOutcome): Promise<void> {
    const { file, push, id } = this.#options;
    const { command } = this.#context;
    await this.#endpoint?.close();
    if (file === undefined && push === undefined) return;
    const { registry } = this.#metrics;
    addCommandMetrics(registry, {
      ...outcome,
      command,
      durationSeconds: (this.#clock.monotonicMs() - this.#startMs) / 1000,
      endSeconds: this.#clock.wallMs() / 1000,
    });
    // In a folder of text files, and at a gateway, there are the metrics of many commands.
    registry.setDefaultLabels({ command });
    const results = await Promise.allSettled([
      file === undefined ? undefined : writeWhole(file, await this.#metrics.text()),
      push === undefined ? undefined : pushMetrics(registry, push, { command, id }),
    ]);
    const failures = results.filter((result) => result.status === "rejected");
    if (failures.length > 0)
      throw new Error(failures.map(({ reason }) => (reason as Error).message).join("; "));
  }

  #labelOf(id: string): string {
    const known = this.#labels.get(id);
    if (known !== undefined) return known;
    const { id: wanted } = this.#options;
    const isFirst = this.#labels.size === 0;
    const label = wanted === undefined ? id : isFirst ? wanted : `${wanted}-${id}`;
    this.#labels.set(id, label);
    return label;
  }
}

function totalsOf(statistics: RemoteStatistics): HttpTotals {
  return {
    requests: statistics.requests,
    bytesReceived: statistics["bytes-received"],
    bytesOverRead: statistics["bytes-over-read"],
    cacheHits: statistics["cache-hits"],
    retries: statistics.retries,
    redirects: statistics.redirects,
  };
}
