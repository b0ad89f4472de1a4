// Metrics of images and servers in a registry of prom-client: the front of this package. Owns which of them are there, under
// which names, and that whoever reads the registry sees one moment.

import type { NbdObserver } from "@qcow/nbd";
import { Registry } from "prom-client";
import type { HttpTotals } from "./http-totals.js";
import { ImageMetrics } from "./image-metrics.js";
import { registerFamily, registerLatencies } from "./metric-family.js";
import { mirageFamilies } from "./mirage-families.js";
import { NbdCounters } from "./nbd-counters.js";
import { imageFamilies, operationLatencies } from "./prometheus-families.js";
import { httpFamilies, nbdFamilies } from "./server-families.js";

/** `prometheus`: everything, named after its conventions. `mirage`: the twelve metrics of ocaml-qcow. */
export type MetricNames = "prometheus" | "mirage";

export interface QcowMetricsOptions {
  readonly names?: MetricNames | undefined;
  /** Where the metrics are registered; a registry of their own by default. */
  readonly registry?: Registry | undefined;
}

export class QcowMetrics {
  /** Read this, merge it with others, or serve it. */
  readonly registry: Registry;
  readonly #names: MetricNames;
  readonly #images = new Map<string, ImageMetrics>();
  #nbd: NbdCounters | undefined;
  #http: (() => HttpTotals) | undefined;
  #refreshing: Promise<void> | undefined;

  constructor({ names = "prometheus", registry = new Registry() }: QcowMetricsOptions = {}) {
    this.registry = registry;
    this.#names = names;
    const families = names === "mirage" ? mirageFamilies(this.#images) : imageFamilies(this.#images);
    for (const family of families) registerFamily(registry, family, () => this.#refresh());
    if (names === "prometheus") registerLatencies(registry, operationLatencies(this.#images));
  }

  /** The metrics of the image with this `id`, the same ones each time. */
  image(id: string): ImageMetrics {
    const known = this.#images.get(id);
    if (known !== undefined) return known;
    const image = new ImageMetrics(id);
    this.#images.set(id, image);
    return image;
  }

  /** The observer of NBD servers. */
  get nbd(): NbdObserver {
    if (this.#nbd !== undefined) return this.#nbd;
    const nbd = new NbdCounters();
    this.#nbd = nbd;
    if (this.#names === "prometheus")
      for (const family of nbdFamilies(nbd)) registerFamily(this.registry, family, nothing);
    return nbd;
  }

  /** `totals` tells, whenever it is asked, what reading over HTTP has come to. */
  http(totals: () => HttpTotals): void {
    const isFirst = this.#http === undefined;
    this.#http = totals;
    if (!isFirst || this.#names === "mirage") return;
    const current = (): HttpTotals => (this.#http ?? totals)();
    for (const family of httpFamilies(current)) registerFamily(this.registry, family, nothing);
  }

  /** All metrics in the text format of Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Of `text()`. */
  get contentType(): string {
    return this.registry.contentType;
  }

  // The registry asks all metrics at once: the first question is that of all.
  #refresh(): Promise<void> {
    this.#refreshing ??= Promise.all([...this.#images.values()].map(({ state }) => state.refresh())).then(
      () => {
        this.#refreshing = undefined;
      },
    );
    return this.#refreshing;
  }
}

async function nothing(): Promise<void> {}
