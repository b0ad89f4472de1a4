// The public names of this package.

export type { HttpTotals } from "./http-totals.js";
export type { ImageMetrics } from "./image-metrics.js";
export type { ImageStatistics, StatisticsSource } from "./image-state.js";
export { type MetricNames, QcowMetrics, type QcowMetricsOptions } from "./qcow-metrics.js";
