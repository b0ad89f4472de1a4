import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunContext } from "@qcow/cli-kit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startMetrics } from "../src/start-metrics.js";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qcow-metrics-watch-"));
  file = join(folder, "run.prom");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const outcome = { exitCode: 0, error: undefined, interrupted: false };

function context(flags: RunContext["flags"], notes: string[] = []): RunContext {
  const { signal } = new AbortController();
  return { command: "check", version: "1.2.3", flags, signal, note: (line) => void notes.push(line) };
}

it("nothing is watched when no flag asks for it", async () => {
  expect(await startMetrics(context({ json: true }))).toBeUndefined();
});

it.each(["metrics-names", "metrics-id"])("--%s alone is refused", async (name) => {
  await expect(startMetrics(context({ [name]: "mirage" }))).rejects.toMatchObject({ code: "CLI_USAGE" });
});

it("how the command ended is in the file, with what the images came to", async () => {
  const watch = await startMetrics(context({ "metrics-file": file }));
  const image = watch?.image?.({ id: "disk", writable: false });
  const operation = { operation: "read", offset: 0, length: 512, elapsedMs: 1, outcome: "done" } as const;
  image?.observer?.guestOperation?.(operation);
  image?.closed?.({ virtualSize: 1024, fileSize: 2048, recycling: undefined });
  await watch?.finish?.({ exitCode: 3, error: undefined, interrupted: false });
  const text = readFileSync(file, "utf8");
  expect(text).toContain('\nqcow_read_bytes_total{id="disk",command="check"} 512\n');
  expect(text).toContain('\nqcow_file_size_bytes{id="disk",command="check"} 2048\n');
  expect(text).toContain('\nqcow_command_success{command="check"} 0\n');
  expect(text).toContain('\nqcow_command_exit_code{command="check"} 3\n');
  expect(text).toMatch(/\nqcow_command_duration_seconds\{command="check"\} [0-9.e-]+\n/);
});

it("the first image has the name that the user gave, others are told apart", async () => {
  const watch = await startMetrics(context({ "metrics-file": file, "metrics-id": "vm" }));
  for (const id of ["disk", "data", "disk"]) {
    const image = watch?.image?.({ id, writable: false });
    image?.closed?.({ virtualSize: 1024, fileSize: 2048, recycling: undefined });
  }
  await watch?.finish?.(outcome);
  const ids = [...readFileSync(file, "utf8").matchAll(/^qcow_file_size_bytes\{id="([^"]*)"/gm)];
  expect(ids.map(([, id]) => id)).toEqual(["vm", "vm-data"]);
});

it("under the names of mirage there are its metrics and those of the command", async () => {
  const watch = await startMetrics(context({ "metrics-file": file, "metrics-names": "mirage" }));
  await watch?.finish?.(outcome);
  const names = [...readFileSync(file, "utf8").matchAll(/^# TYPE ([^ ]+)/gm)].map(
    ([, name]) => name as string,
  );
  expect(names.filter((name) => name.startsWith("Mirage_qcow_"))).toHaveLength(12);
  expect(names.filter((name) => !/^(Mirage_qcow|qcow_command)_/.test(name))).toEqual([]);
});

it("scrapes are answered until the end, of this machine alone", async () => {
  const notes: string[] = [];
  const watch = await startMetrics(context({ "metrics-port": 0 }, notes));
  const url = notes[0]?.replace("metrics: ", "") ?? "";
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+\/metrics$/);
  const text = await (await fetch(url)).text();
  expect(text).toContain('qcow_build_info{version="1.2.3"');
  expect(text).toContain("process_resident_memory_bytes ");
  await watch?.finish?.(outcome);
  await expect(fetch(url)).rejects.toThrow();
});

it("a file that cannot be written and a gateway that is not there are told together", async () => {
  const push = { url: "http://127.0.0.1:1", shown: "http://127.0.0.1:1/" };
  const watch = await startMetrics(context({ "metrics-file": file, "metrics-push": push }));
  rmSync(folder, { recursive: true });
  await expect(watch?.finish?.(outcome)).rejects.toThrow(/ENOENT.*; metrics could not be pushed/);
});

it("requests to servers are those that the run counts, at the time of asking", async () => {
  const watch = await startMetrics(context({ "metrics-file": file }));
  const statistics = {
    requests: 0,
    "bytes-received": 0,
    "bytes-over-read": 0,
    "cache-hits": 0,
    retries: 0,
    redirects: 0,
  };
  watch?.http?.(() => statistics);
  Object.assign(statistics, { requests: 3, "bytes-received": 300, "bytes-over-read": 100, retries: 1 });
  await watch?.finish?.(outcome);
  const text = readFileSync(file, "utf8");
  const of = (name: string) =>
    new RegExp(`^qcow_http_${name}_total\\{command="check"\\} (.*)$`, "m").exec(text)?.[1];
  expect(["requests", "received_bytes", "over_read_bytes", "retries"].map(of)).toEqual([
    "3",
    "300",
    "100",
    "1",
  ]);
});
