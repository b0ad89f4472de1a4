// Those who watch one run of a command, as one. Owns what they are told, when, and that none of them is forgotten at the
// end; no watch means no observer and no cost.

import type { CommandExtension } from "./command-extension.js";
import { ImageIds } from "./image-ids.js";
import { mergeNbdReports, mergeObservers } from "./merge-observers.js";
import type { RemoteStatistics } from "./remote-statistics.js";
import type { ImageWatch, NbdReports, RunContext, RunOutcome, RunWatch } from "./run-watch.js";

/** Asked for each image before it is opened. */
export type ImageWatcher = (image: {
  readonly address: string;
  readonly writable: boolean;
  /** How the image is called; made from the address when absent. */
  readonly id?: string | undefined;
}) => ImageWatch | undefined;

export class RunWatches {
  readonly #watches: RunWatch[] = [];
  readonly #ids = new ImageIds();

  /** Asks each of `extensions`; those that began before one that throws are finished as others are. */
  async begin(extensions: readonly CommandExtension[], context: RunContext): Promise<void> {
    for (const extension of extensions) {
      const watch = await extension.begin?.(context);
      if (watch !== undefined) this.#watches.push(watch);
    }
  }

  /** Absent when nobody wants to know. */
  get image(): ImageWatcher | undefined {
    if (!this.#watches.some(({ image }) => image !== undefined)) return undefined;
    return ({ address, writable, id }) => this.#watchImage(this.#ids.of(address, id), writable);
  }

  /** What a server is to report to; undefined when nobody wants to know. */
  get nbd(): NbdReports | undefined {
    return mergeNbdReports(this.#watches.map(({ nbd }) => nbd));
  }

  http(statistics: () => RemoteStatistics): void {
    for (const watch of this.#watches) watch.http?.(statistics);
  }

  /** Ends all; `warn` is told of those that fail. */
  async finish(outcome: RunOutcome, warn: (error: unknown) => void): Promise<void> {
    for (const watch of this.#watches.splice(0)) {
      try {
        await watch.finish?.(outcome);
      } catch (error) {
        warn(error);
      }
    }
  }

  #watchImage(id: string, writable: boolean): ImageWatch | undefined {
    const watches = this.#watches
      .map((watch) => watch.image?.({ id, writable }))
      .filter((watch) => watch !== undefined);
    if (watches.length <= 1) return watches[0];
    return {
      observer: mergeObservers(watches.map(({ observer }) => observer)),
      opened: (statistics) => {
        for (const watch of watches) watch.opened?.(statistics);
      },
      closed: (last) => {
        for (const watch of watches) watch.closed?.(last);
      },
    };
  }
}
