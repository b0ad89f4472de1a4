// The program with this plugin, as somebody has it who works on it: linked. As installed, see scripts/plugins.mjs.

import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";

const PLUGIN = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../../cli/bin/run.js", import.meta.url));
const SAMPLE = fileURLToPath(new URL("../../../../sample/disk.qcow2", import.meta.url));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qcow-prometheus-"));
  mkdirSync(join(folder, "data"));
  const plugins = [{ type: "link", name: "@qcow/plugin-prometheus", root: PLUGIN }];
  writeFileSync(join(folder, "data", "package.json"), JSON.stringify({ oclif: { schema: 1, plugins } }));
  copyFileSync(SAMPLE, join(folder, "disk.qcow2"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: readonly string[]): ChildProcess {
  const env = { ...process.env, QCOW_DATA_DIR: join(folder, "data") };
  return spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

function ended(child: ChildProcess): Promise<number | null> {
  child.stdout?.resume();
  child.stderr?.resume();
  return new Promise((resolve) => child.on("close", resolve));
}

function lineOf(child: ChildProcess, wanted: RegExp): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const found = wanted.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(`it ended, and said: ${text}`)));
  });
}

function sampleIn(text: string, sample: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length));
}

it("a command that succeeds leaves its metrics, and nothing else", async () => {
  expect(await ended(start("sha", "disk.qcow2", "--metrics-file", "sha.prom"))).toBe(0);
  const text = readFileSync(join(folder, "sha.prom"), "utf8");
  expect(sampleIn(text, 'qcow_command_success{command="sha"}')).toBe(1);
  expect(sampleIn(text, 'qcow_read_bytes_total{id="disk.qcow2",command="sha"}')).toBe(8 * 1024 * 1024);
  expect(readdirSync(folder).sort()).toEqual(["data", "disk.qcow2", "sha.prom"]);
});

it("so does one that fails", async () => {
  expect(await ended(start("info", "missing.qcow2", "--metrics-file", "info.prom"))).toBe(1);
  expect(
    sampleIn(readFileSync(join(folder, "info.prom"), "utf8"), 'qcow_command_exit_code{command="info"}'),
  ).toBe(1);
});

it("one that is interrupted says so, and how big the file was in the end", async () => {
  const child = start(
    "serve",
    "disk.qcow2",
    "--rw",
    "--compact-after",
    "1M",
    "--socket",
    "s",
    "--metrics-port",
    "0",
    "--metrics-file",
    "serve.prom",
  );
  const url = await lineOf(child, /metrics: (http:[^\n]*)\n/);
  let scraped = "";
  // The endpoint is there before the image is.
  while (sampleIn(scraped, 'qcow_file_size_bytes{id="disk.qcow2"}') === undefined)
    scraped = await (await fetch(url)).text();
  expect(sampleIn(scraped, "qcow_nbd_connections")).toBe(0);
  expect(sampleIn(scraped, 'qcow_cluster_state_bytes{id="disk.qcow2",state="used"}')).toBeGreaterThan(0);
  const end = ended(child);
  child.kill("SIGTERM");
  await end;
  const text = readFileSync(join(folder, "serve.prom"), "utf8");
  const { length } = readFileSync(join(folder, "disk.qcow2"));
  expect(sampleIn(text, 'qcow_file_size_bytes{id="disk.qcow2",command="serve"}')).toBe(length);
  expect(sampleIn(text, 'qcow_command_end_timestamp_seconds{command="serve"}')).toBeGreaterThan(1e9);
});
