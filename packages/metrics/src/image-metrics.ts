// The metrics of one image. Owns the pair of what is counted and what is asked.

import type { Observer } from "@qcow/engine";
import { EngineCounters } from "./engine-counters.js";
import { ImageState, type ImageStatistics, type StatisticsSource } from "./image-state.js";

export class ImageMetrics {
  /** Value of the label `id`. */
  readonly id: string;
  /** @internal */
  readonly counters = new EngineCounters();
  /** @internal */
  readonly state = new ImageState();

  constructor(id: string) {
    this.id = id;
  }

  /** The `observer` with which the image is to be opened; give it a clock (`time`) too, for latencies. */
  get observer(): Observer {
    return this.counters;
  }

  /** The image is open; `source` is asked whenever somebody reads the metrics. */
  opened(source: StatisticsSource): void {
    this.state.opened(source);
  }

  /** The image is closed; `last` is how it was then, if that is known. */
  closed(last?: ImageStatistics): void {
    this.state.closed(last);
  }
}
