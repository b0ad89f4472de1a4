// The twelve metrics of mirage/ocaml-qcow under their own names, for dashboards that were made for that. Owns these names;
// help and meaning are the originals', corrected where they say clusters: all values are bytes.

import type { ImageMetrics } from "./image-metrics.js";
import type { RecyclingTotals } from "./image-state.js";
import type { Family } from "./metric-family.js";

const NAMESPACE = "Mirage_qcow";

export function mirageFamilies(images: ReadonlyMap<string, ImageMetrics>): Family[] {
  const family = (
    name: string,
    help: string,
    of: (image: ImageMetrics) => number | undefined,
    type: Family["type"] = "counter",
  ): Family => ({
    name: `${NAMESPACE}_${name}`,
    help,
    type,
    labels: ["id"],
    *samples() {
      for (const image of images.values()) {
        const value = of(image);
        if (value !== undefined) yield { labels: { id: image.id }, value };
      }
    },
  });
  const total = (name: string, help: string, of: (totals: RecyclingTotals) => number): Family =>
    family(name, help, ({ state }) => (state.totals === undefined ? 0 : of(state.totals)));
  return [
    family("reads", "Number of bytes read", ({ counters }) => counters.bytesOf("read")),
    family(
      "writes",
      "Number of bytes written",
      ({ counters }) => counters.bytesOf("write") + counters.bytesOf("write_compressed"),
    ),
    family("discards", "Number of bytes discarded", ({ counters }) => counters.bytesOf("discard")),
    family(
      "used",
      "Number of bytes in clusters that are in use",
      ({ state }) => state.last?.recycling?.used,
      "gauge",
    ),
    family("size", "File size in bytes", ({ state }) => state.last?.fileSize, "gauge"),
    total("junk", "Number of bytes of junk created", (t) => t.junkTotal),
    total("erased", "Number of bytes of clusters erased", (t) => t.erasedTotal),
    total("available", "Number of bytes made available for reallocation", (t) => t.availableTotal),
    total("roots", "Number of bytes of GC root clusters registered", (t) => t.takenTotal),
    total("copied", "Number of bytes of cluster copies completed", (t) => t.copiedTotal),
    total("flushed", "Number of bytes of cluster copies flushed", (t) => t.flushedTotal),
    total(
      "referenced",
      "Number of bytes of clusters whose references were updated",
      (t) => t.referencedTotal,
    ),
  ];
}
