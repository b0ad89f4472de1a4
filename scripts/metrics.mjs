#!/usr/bin/env node
// Owns the proof that metrics tell the truth: a real Prometheus scrapes `qcow serve` while fio reads and writes through NBD,
// clusters move, and space is given up. What Prometheus then answers has to be what fio reports, within 1 %; promtool must have
// no complaint; every expression of the example dashboard must return series, and every alert rule must be evaluated.
//
//   node scripts/metrics.mjs [--seconds 60]
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool, run } from "./bench/tool.mjs";
import { freePorts } from "./http/free-ports.mjs";
import { dashboardExpressions } from "./metrics/dashboard.mjs";
import { makeDataFolder } from "./metrics/data-folder.mjs";
import { startPrometheus } from "./metrics/prometheus.mjs";
import { fio, totals } from "./nbd/fio.mjs";
import { startServing } from "./nbd/serving.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = join(ROOT, "packages/cli/bin/run.js");
const DISK_BYTES = 256 * 1024 * 1024;
/** What fio leaves alone, so that it can be given up. */
const FIO_BYTES = DISK_BYTES / 2;
const DIFFERENCE_MAX = 0.01;
const SCRAPE_MS_MAX = 10_000;
const COMPACTION_MS_MAX = 30_000;

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
const missing = ["prometheus", "promtool", "fio", "qemu-io", "qemu-img"].filter((tool) => !hasTool(tool));
if (missing.length > 0) {
  console.log(`SKIPPED: not here: ${missing.join(", ")}`);
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}

const failures = [];
const started = performance.now();
const folder = await mkdtemp(join(tmpdir(), "qcow-metrics-"));
try {
  await prove();
} finally {
  await rm(folder, { recursive: true, force: true });
}
for (const failure of failures) console.log(`FAILED: ${failure}`);
console.log(`took ${((performance.now() - started) / 1000).toFixed(1)} s`);
process.exitCode = failures.length > 0 ? 1 : 0;

async function prove() {
  process.env.QCOW_DATA_DIR = await makeDataFolder(folder);
  const image = join(folder, "disk.qcow2");
  execFileSync(process.execPath, [PROGRAM, "create", image, String(DISK_BYTES), "--quiet"]);
  const [port] = await freePorts(1);
  const serving = await startServing(
    [image, "--rw", "--discard", "--keep-erased=4M", "--compact-after=8M", "--port=0", "--quiet"].concat(
      `--metrics-port=${port}`,
      `--metrics-file=${join(folder, "serve.prom")}`,
    ),
  );
  const prometheus = await startPrometheus(join(folder, "prometheus"), `127.0.0.1:${port}`);
  try {
    await use(serving.uri, prometheus, `http://127.0.0.1:${port}/metrics`);
  } finally {
    await prometheus.stop();
    await serving.stop();
  }
  await run("qemu-img", ["check", "-q", image]);
  await judgeFile(join(folder, "serve.prom"));
}

async function use(uri, prometheus, url) {
  // Full, so that each read is one of the image; then half is given up, and clusters begin to move.
  await run("qemu-io", ["-f", "raw", "-c", `write -P 7 0 ${DISK_BYTES}`, "-c", "flush", uri]);
  await run("qemu-io", ["-f", "raw", "-c", `discard ${FIO_BYTES / 2} ${FIO_BYTES}`, "-c", "flush", uri]);
  const before = await counters(prometheus);
  const seconds = Number(values.seconds);
  const fioRun = fio(
    ["--name=mixed", "--ioengine=nbd", `--uri=${uri}`, "--rw=randrw", "--bs=4k", "--iodepth=16"].concat(
      `--size=${FIO_BYTES / 2}`,
      "--io_size=1t",
      "--time_based",
      `--runtime=${seconds}`,
      "--fsync=1000",
    ),
    { cwd: folder, seconds },
  );
  const jobs = await fioRun;
  const after = await counters(prometheus);
  judgeBytes(jobs, before, after);
  await untilCompacted(prometheus);
  await judgeDashboard(prometheus);
  await judgeRules(prometheus);
  await judgeText(url);
}

/** What was counted by now, as Prometheus has it once it has scraped once more. */
async function counters(prometheus) {
  const since = Date.now() / 1000;
  for (const end = performance.now() + SCRAPE_MS_MAX; performance.now() < end; await sleep(100)) {
    const [scraped] = await prometheus.query("timestamp(qcow_read_bytes_total)");
    if (scraped !== undefined && Number(scraped.value[1]) > since) return await countersNow(prometheus);
  }
  throw new Error("prometheus does not scrape");
}

async function countersNow(prometheus) {
  const value = async (expression) => Number((await prometheus.query(expression))[0]?.value[1]);
  return {
    guest: { read: await value("qcow_read_bytes_total"), write: await value("qcow_write_bytes_total") },
    nbd: {
      read: await value('qcow_nbd_request_bytes_total{command="read"}'),
      write: await value('qcow_nbd_request_bytes_total{command="write"}'),
    },
    operations: {
      read: await value('qcow_operation_duration_seconds_count{operation="read"}'),
      write: await value('qcow_operation_duration_seconds_count{operation="write"}'),
    },
  };
}

function judgeBytes(jobs, before, after) {
  for (const direction of ["read", "write"]) {
    const { bytes, operations, p99Ms } = totals(jobs, direction);
    console.log(`fio: ${direction} ${bytes} bytes in ${operations} operations, p99 ${p99Ms.toFixed(1)} ms`);
    const expected = { guest: bytes, nbd: bytes, operations };
    for (const [source, wanted] of Object.entries(expected)) {
      const found = after[source][direction] - before[source][direction];
      const difference = Math.abs(found - wanted) / wanted;
      console.log(`  prometheus, ${source}: ${found}, which differs by ${(difference * 100).toFixed(3)} %`);
      if (!(difference <= DIFFERENCE_MAX))
        failures.push(`${direction} of ${source}: ${found}, not ${wanted}`);
    }
  }
}

async function untilCompacted(prometheus) {
  for (const end = performance.now() + COMPACTION_MS_MAX; performance.now() < end; await sleep(500)) {
    const [runs] = await prometheus.query("qcow_gc_runs_total > 0 and qcow_moves_total > 0");
    const [size] = await prometheus.query("qcow_file_size_bytes");
    if (runs !== undefined && Number(size.value[1]) < DISK_BYTES * 0.75) {
      console.log(`compacted: the file has ${size.value[1]} bytes of ${DISK_BYTES}`);
      return;
    }
  }
  failures.push("no compaction shows, though half of the disk was given up");
}

async function judgeDashboard(prometheus) {
  const all = dashboardExpressions("30s");
  let series = 0;
  for (const { title, expression } of all) {
    const result = await prometheus.query(expression);
    series += result.length;
    if (result.length === 0) failures.push(`the panel "${title}" is empty: ${expression}`);
  }
  console.log(`dashboard: ${all.length} expressions, ${series} series`);
}

async function judgeRules(prometheus) {
  const rules = await prometheus.rules();
  for (const { name, health, lastError } of rules)
    if (health !== "ok") failures.push(`the rule ${name} is ${health}: ${lastError}`);
  const firing = rules.filter(({ state }) => state === "firing").map(({ name }) => name);
  if (firing.length > 0) failures.push(`alerts: ${firing.join(", ")}`);
  console.log(`alerts: ${rules.length} rules are evaluated, ${firing.length} fire`);
}

async function judgeText(url) {
  const input = await (await fetch(url)).text();
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  const complaint = `${stdout}${stderr}`.trim();
  if (status !== 0 || complaint !== "") failures.push(`promtool check metrics: ${complaint}`);
  const samples = input.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
  console.log(`promtool has no complaint about ${samples} samples`);
}

/** What `--metrics-file` left when the server ended. */
async function judgeFile(path) {
  const text = await readFile(path, "utf8");
  if (!text.includes('\nqcow_command_success{command="serve"} 1\n'))
    failures.push(`${path} tells of no success`);
  const { status } = spawnSync("promtool", ["check", "metrics"], { input: text });
  if (status !== 0) failures.push("promtool check metrics complains about the file");
}
