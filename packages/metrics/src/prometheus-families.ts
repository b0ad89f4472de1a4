// The metrics under names that follow the conventions of Prometheus. Owns names, help and labels of images; servers have
// theirs in server-families.ts.

import type { EngineCounters } from "./engine-counters.js";
import { OPERATIONS } from "./guest-operations.js";
import type { ImageMetrics } from "./image-metrics.js";
import type { ImageStatistics, RecyclingTotals } from "./image-state.js";
import type { Family, LatencyFamily, Sample } from "./metric-family.js";

type Images = ReadonlyMap<string, ImageMetrics>;

export function imageFamilies(images: Images): Family[] {
  return [
    ...guestFamilies(images),
    ...hostFamilies(images),
    ...sizeFamilies(images),
    ...recyclingFamilies(images),
  ];
}

export function operationLatencies(images: Images): LatencyFamily {
  return {
    name: "qcow_operation_duration_seconds",
    help: "Time that operations of the guest took, waiting for others included.",
    labels: ["id", "operation"],
    *series() {
      for (const { id, counters } of images.values())
        for (const [index, operation] of OPERATIONS.entries()) {
          const buckets = counters.latencies[index];
          if (buckets !== undefined) yield { labels: { id, operation }, buckets };
        }
    },
  };
}

function guestFamilies(images: Images): Family[] {
  return [
    counted(images, "qcow_read_bytes_total", "Bytes that the guest read.", (c) => c.bytesOf("read")),
    counted(
      images,
      "qcow_write_bytes_total",
      "Bytes that the guest wrote.",
      (c) => c.bytesOf("write") + c.bytesOf("write_compressed"),
    ),
    counted(images, "qcow_write_zeroes_bytes_total", "Bytes that the guest declared zero.", (c) =>
      c.bytesOf("write_zeroes"),
    ),
    counted(images, "qcow_discard_bytes_total", "Bytes that the guest gave up.", (c) => c.bytesOf("discard")),
    byOperation(images, "qcow_operations_total", "Operations of the guest that succeeded.", "operations"),
    byOperation(images, "qcow_operation_errors_total", "Operations of the guest that failed.", "failures"),
    byOperation(
      images,
      "qcow_operations_cancelled_total",
      "Operations that whoever wanted them gave up.",
      "cancellations",
    ),
  ];
}

function hostFamilies(images: Images): Family[] {
  const byPurpose = (
    name: string,
    help: string,
    of: (counters: EngineCounters) => { readonly contents: number; readonly metadata: number },
  ): Family =>
    family(images, name, help, "counter", ["id", "purpose"], function* ({ id, counters }) {
      for (const [purpose, value] of Object.entries(of(counters))) yield { labels: { id, purpose }, value };
    });
  return [
    byPurpose("qcow_host_reads_total", "Reads of the image's files.", (counters) => ({
      contents: counters.contentReads,
      metadata: counters.metadataReads,
    })),
    byPurpose("qcow_host_read_bytes_total", "Bytes read from the image's files.", (counters) => ({
      contents: counters.contentReadBytes,
      metadata: counters.metadataReadBytes,
    })),
    counted(images, "qcow_host_writes_total", "Writes of data to the image's files.", (c) => c.hostWrites),
    counted(
      images,
      "qcow_host_write_bytes_total",
      "Bytes of data written to the image's files.",
      (c) => c.hostWriteBytes,
    ),
    counted(images, "qcow_host_flushes_total", "Flushes of the image's files.", (c) => c.hostFlushes),
    counted(images, "qcow_commits_total", "Times that changed tables became durable.", (c) => c.commits),
    counted(images, "qcow_committed_tables_total", "Tables that became durable.", (c) => c.committedTables),
    counted(images, "qcow_cache_hits_total", "Tables that were found in the cache.", (c) => c.cacheHits),
    counted(images, "qcow_cache_misses_total", "Tables that had to be read.", (c) => c.cacheMisses),
    counted(
      images,
      "qcow_slow_operations_total",
      "Operations that took more than 30 seconds.",
      (c) => c.slowOperations,
    ),
    counted(
      images,
      "qcow_diagnostics_total",
      "Things that went wrong in the background.",
      (c) => c.diagnostics,
    ),
  ];
}

function sizeFamilies(images: Images): Family[] {
  const gauge = (name: string, help: string, of: (state: ImageStatistics) => number | undefined): Family =>
    family(images, name, help, "gauge", ["id"], function* ({ id, state }) {
      const value = state.last && of(state.last);
      if (value !== undefined) yield { labels: { id }, value };
    });
  return [
    gauge("qcow_virtual_size_bytes", "Length of the guest's disk.", ({ virtualSize }) => virtualSize),
    gauge("qcow_file_size_bytes", "Length of the image's file.", ({ fileSize }) => fileSize),
    gauge(
      "qcow_used_bytes",
      "Of the image's file what is in use, tables included.",
      ({ recycling }) => recycling?.used,
    ),
    family(
      images,
      "qcow_cluster_state_bytes",
      "Of the image's file what is in this state.",
      "gauge",
      ["id", "state"],
      function* ({ id, state }) {
        const recycling = state.last?.recycling;
        if (recycling === undefined) return;
        for (const name of ["used", "junk", "erased", "available"] as const)
          yield { labels: { id, state: name }, value: recycling[name] };
      },
    ),
  ];
}

function recyclingFamilies(images: Images): Family[] {
  const total = (name: string, help: string, of: (totals: RecyclingTotals) => number): Family =>
    family(images, name, help, "counter", ["id"], function* ({ id, state }) {
      const { totals } = state;
      if (totals !== undefined) yield { labels: { id }, value: of(totals) };
    });
  const clusters = (name: string, help: string, of: (totals: RecyclingTotals) => number): Family =>
    family(images, name, help, "counter", ["id"], function* ({ id, state }) {
      const { totals, last } = state;
      const clusterSize = last?.recycling?.clusterSize;
      if (totals !== undefined && clusterSize !== undefined)
        yield { labels: { id }, value: Math.round(of(totals) / clusterSize) };
    });
  return [
    clusters("qcow_moves_total", "Clusters that were to be moved.", (t) => t.movesTotal),
    clusters(
      "qcow_moves_cancelled_total",
      "Moves that were given up because the guest changed the cluster.",
      (t) => t.cancelledMovesTotal,
    ),
    total("qcow_gc_runs_total", "Compactions while the image was in use.", (t) => t.compactions),
    total("qcow_junk_bytes_total", "Bytes that nothing references any more.", (t) => t.junkTotal),
    total("qcow_erased_bytes_total", "Unused bytes that were made zero.", (t) => t.erasedTotal),
    total("qcow_available_bytes_total", "Unused bytes that became zero for good.", (t) => t.availableTotal),
    total("qcow_taken_bytes_total", "Bytes of the file that were put to use.", (t) => t.takenTotal),
    family(
      images,
      "qcow_moved_bytes_total",
      "Bytes of clusters that were moved so far: copied, made durable, referenced at their new place.",
      "counter",
      ["id", "stage"],
      function* ({ id, state }) {
        const { totals } = state;
        if (totals === undefined) return;
        yield { labels: { id, stage: "copied" }, value: totals.copiedTotal };
        yield { labels: { id, stage: "flushed" }, value: totals.flushedTotal };
        yield { labels: { id, stage: "referenced" }, value: totals.referencedTotal };
      },
    ),
  ];
}

function counted(
  images: Images,
  name: string,
  help: string,
  of: (counters: EngineCounters) => number,
): Family {
  return family(images, name, help, "counter", ["id"], function* ({ id, counters }) {
    yield { labels: { id }, value: of(counters) };
  });
}

function byOperation(
  images: Images,
  name: string,
  help: string,
  of: "operations" | "failures" | "cancellations",
): Family {
  return family(images, name, help, "counter", ["id", "operation"], function* ({ id, counters }) {
    for (const [index, operation] of OPERATIONS.entries())
      yield { labels: { id, operation }, value: counters[of][index] as number };
  });
}

function family(
  images: Images,
  name: string,
  help: string,
  type: Family["type"],
  labels: readonly string[],
  samplesOf: (image: ImageMetrics) => Iterable<Sample>,
): Family {
  return {
    name,
    help,
    type,
    labels,
    *samples() {
      for (const image of images.values()) yield* samplesOf(image);
    },
  };
}
