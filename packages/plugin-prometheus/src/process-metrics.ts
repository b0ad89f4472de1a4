// Metrics of the process that answers scrapes. Owns names and help, which are those that all Prometheus clients have.

import { Counter, Gauge, type Registry } from "prom-client";

const MICROSECONDS = 1e6;

/** `startSeconds` is when the process began, since 1970. */
export function addProcessMetrics(
  registry: Registry,
  { version, startSeconds }: { readonly version: string; readonly startSeconds: number },
): void {
  const registers = [registry];
  const cpu = new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time of this process, of user and system.",
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / MICROSECONDS);
    },
  });
  const memory = new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory of this process.",
    registers,
    collect: () => {
      memory.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: "process_start_time_seconds",
    help: "When this process began, since 1970.",
    registers,
  }).set(startSeconds);
  new Gauge({
    name: "qcow_build_info",
    help: "Versions; always 1.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version, node: process.versions.node }, 1);
}
