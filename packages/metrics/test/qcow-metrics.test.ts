import { spawnSync } from "node:child_process";
import { Registry, register } from "prom-client";
import { expect, it } from "vitest";
import * as api from "../src/index.js";
import { QcowMetrics } from "../src/index.js";
import { familiesOf, samplesOf } from "./samples.js";

const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined;

function everything(names: api.MetricNames = "prometheus"): QcowMetrics {
  const metrics = new QcowMetrics({ names });
  metrics.image("a").opened(() => ({ virtualSize: 1024, fileSize: 2048, recycling: undefined }));
  metrics.nbd.request?.({ command: 0, length: 512, error: 0 });
  metrics.http(() => ({
    requests: 3,
    bytesReceived: 300,
    bytesOverRead: 100,
    cacheHits: 2,
    retries: 1,
    redirects: 0,
  }));
  return metrics;
}

it("exports these names and no others", () => {
  expect(Object.keys(api)).toEqual(["QcowMetrics"]);
});

it("has these metrics: dashboards and alerts rely on them", async () => {
  expect(familiesOf(await everything().text())).toMatchInlineSnapshot(`
    [
      "qcow_read_bytes_total counter",
      "qcow_write_bytes_total counter",
      "qcow_write_zeroes_bytes_total counter",
      "qcow_discard_bytes_total counter",
      "qcow_operations_total counter",
      "qcow_operation_errors_total counter",
      "qcow_operations_cancelled_total counter",
      "qcow_host_reads_total counter",
      "qcow_host_read_bytes_total counter",
      "qcow_host_writes_total counter",
      "qcow_host_write_bytes_total counter",
      "qcow_host_flushes_total counter",
      "qcow_commits_total counter",
      "qcow_committed_tables_total counter",
      "qcow_cache_hits_total counter",
      "qcow_cache_misses_total counter",
      "qcow_slow_operations_total counter",
      "qcow_diagnostics_total counter",
      "qcow_virtual_size_bytes gauge",
      "qcow_file_size_bytes gauge",
      "qcow_used_bytes gauge",
      "qcow_cluster_state_bytes gauge",
      "qcow_moves_total counter",
      "qcow_moves_cancelled_total counter",
      "qcow_gc_runs_total counter",
      "qcow_junk_bytes_total counter",
      "qcow_erased_bytes_total counter",
      "qcow_available_bytes_total counter",
      "qcow_taken_bytes_total counter",
      "qcow_moved_bytes_total counter",
      "qcow_operation_duration_seconds histogram",
      "qcow_nbd_connections gauge",
      "qcow_nbd_connections_total counter",
      "qcow_nbd_connection_errors_total counter",
      "qcow_nbd_connections_unnegotiated_total counter",
      "qcow_nbd_export_failures_total counter",
      "qcow_nbd_requests_total counter",
      "qcow_nbd_request_bytes_total counter",
      "qcow_nbd_request_errors_total counter",
      "qcow_http_requests_total counter",
      "qcow_http_received_bytes_total counter",
      "qcow_http_over_read_bytes_total counter",
      "qcow_http_cache_hits_total counter",
      "qcow_http_retries_total counter",
      "qcow_http_redirects_total counter",
    ]
  `);
});

it("under the names of mirage there are its twelve metrics and no others", async () => {
  expect(familiesOf(await everything("mirage").text())).toEqual([
    "Mirage_qcow_reads counter",
    "Mirage_qcow_writes counter",
    "Mirage_qcow_discards counter",
    "Mirage_qcow_used gauge",
    "Mirage_qcow_size gauge",
    "Mirage_qcow_junk counter",
    "Mirage_qcow_erased counter",
    "Mirage_qcow_available counter",
    "Mirage_qcow_roots counter",
    "Mirage_qcow_copied counter",
    "Mirage_qcow_flushed counter",
    "Mirage_qcow_referenced counter",
  ]);
});

it("leaves the process' default registry alone, and takes one that is given", async () => {
  everything();
  expect(register.getMetricsAsArray()).toEqual([]);
  const registry = new Registry();
  expect(new QcowMetrics({ registry }).registry).toBe(registry);
  expect(await registry.metrics()).toContain("qcow_read_bytes_total");
  expect(await Registry.merge([registry, new Registry()]).metrics()).toBe(await registry.metrics());
});

it("requests and connections of NBD clients are counted", async () => {
  const metrics = new QcowMetrics();
  const { nbd } = metrics;
  nbd.connectionOpened?.({ open: 1 });
  nbd.connectionOpened?.({ open: 2 });
  nbd.connectionClosed?.({ open: 1, negotiated: false, error: new Error("gone") });
  nbd.request?.({ command: 6, length: 4096, error: 0 });
  nbd.request?.({ command: 1, length: 512, error: 28 });
  nbd.request?.({ command: 4711, length: 0, error: 4711 });
  nbd.exportFailed?.({ name: "", error: new Error("no space") });
  const samples = samplesOf(await metrics.text());
  const found = [
    "qcow_nbd_connections",
    "qcow_nbd_connections_total",
    "qcow_nbd_connection_errors_total",
    "qcow_nbd_connections_unnegotiated_total",
    "qcow_nbd_export_failures_total",
    'qcow_nbd_requests_total{command="write_zeroes"}',
    'qcow_nbd_request_bytes_total{command="write_zeroes"}',
    'qcow_nbd_requests_total{command="write"}',
    'qcow_nbd_request_bytes_total{command="write"}',
    'qcow_nbd_request_errors_total{error="ENOSPC"}',
    'qcow_nbd_requests_total{command="unknown"}',
    'qcow_nbd_request_errors_total{error="other"}',
  ].map((name) => samples.get(name));
  expect(found).toEqual([1, 2, 1, 1, 1, 1, 4096, 1, 0, 1, 1, 1]);
});

it("requests over HTTP are those of whoever was named last", async () => {
  const metrics = everything();
  const totals = { requests: 7, bytesReceived: 0, bytesOverRead: 0, cacheHits: 0, retries: 0, redirects: 0 };
  metrics.http(() => totals);
  expect(samplesOf(await metrics.text()).get("qcow_http_requests_total")).toBe(7);
});

it("asks each image once, however many metrics there are", async () => {
  let asked = 0;
  const metrics = new QcowMetrics();
  metrics.image("a").opened(() => {
    asked++;
    return { virtualSize: 0, fileSize: 0, recycling: undefined };
  });
  await metrics.text();
  expect(asked).toBe(1);
});

it("labels can be anything", async () => {
  const metrics = new QcowMetrics();
  metrics.image('a "b"\\\n').opened(() => ({ virtualSize: 5, fileSize: 5, recycling: undefined }));
  expect(await metrics.text()).toContain('qcow_virtual_size_bytes{id="a \\"b\\"\\\\\\n"} 5');
});

it.skipIf(!hasPromtool)("promtool has nothing to say about them (needs promtool)", async () => {
  const input = await everything().text();
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});
