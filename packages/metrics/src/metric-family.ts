// A metric with all its samples, as data, and how prom-client gets it. Owns the bridge: values are fetched when the registry
// is read, so that nothing is kept twice and nothing is looked up when something happens.

import {
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValueWithName,
  type Registry,
} from "prom-client";
import { LATENCY_LIMITS, type LatencyBuckets } from "./latency-buckets.js";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly type: "counter" | "gauge";
  samples(): Iterable<Sample>;
}

export interface LatencyFamily {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  series(): Iterable<{ readonly labels: Labels; readonly buckets: LatencyBuckets }>;
}

/** Adds `family` to `registry`; `refresh` is awaited before values are taken. */
export function registerFamily(registry: Registry, family: Family, refresh: () => Promise<void>): void {
  const options = {
    name: family.name,
    help: family.help,
    labelNames: [...family.labels],
    registers: [registry],
  };
  if (family.type === "gauge") {
    const gauge = new Gauge({
      ...options,
      collect: async () => {
        await refresh();
        gauge.reset();
        for (const { labels, value } of family.samples()) gauge.set({ ...labels }, value);
      },
    });
  } else {
    const counter = new Counter({
      ...options,
      collect: async () => {
        await refresh();
        counter.reset();
        for (const { labels, value } of family.samples()) counter.inc({ ...labels }, value);
      },
    });
  }
}

export function registerLatencies(registry: Registry, family: LatencyFamily): void {
  new CountedHistogram(family, registry);
}

/** A histogram that was counted elsewhere: prom-client's own looks its labels up for each observation. */
class CountedHistogram extends Histogram {
  readonly #family: LatencyFamily;

  constructor(family: LatencyFamily, registry: Registry) {
    const { name, help, labels } = family;
    super({ name, help, labelNames: [...labels], buckets: [...LATENCY_LIMITS], registers: [registry] });
    this.#family = family;
  }

  // What the registry asks for text; prom-client's types do not have it.
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.get();
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { name, help } = this.#family;
    const values = [...this.#family.series()].flatMap(({ labels, buckets }) =>
      samplesOf(name, labels, buckets),
    );
    return { name, help, type: "histogram", aggregator: "sum", values } as unknown as MetricObjectWithValues<
      MetricValueWithName<string>
    >;
  }
}

function samplesOf(name: string, labels: Labels, buckets: LatencyBuckets): MetricValueWithName<string>[] {
  const cumulative = buckets.cumulative();
  const count = cumulative.at(-1) ?? 0;
  const values = cumulative.map((value, index) => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: LATENCY_LIMITS[index] ?? "+Inf" },
    value,
  }));
  return [
    ...values,
    { metricName: `${name}_sum`, labels: { ...labels }, value: buckets.sumSeconds },
    { metricName: `${name}_count`, labels: { ...labels }, value: count },
  ];
}
