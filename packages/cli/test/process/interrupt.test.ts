import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROGRAM, runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

let cwd: string;
const CLUSTERS = 512;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-signal-"));
  const clusters = new Map(
    Array.from({ length: CLUSTERS }, (_, index) => [index, filled(1 + (index % 255))]),
  );
  writeFileSync(join(cwd, "disk.qcow2"), tinyImage({ clusters, size: CLUSTERS * 4096 }));
  writeFileSync(join(cwd, "huge.qcow2"), hugeImage());
  writeFileSync(join(cwd, "halfway.qcow2"), halfwayImage());
  truncateSync(join(cwd, "huge.qcow2"), 8 * 1024 * 1024);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** The header of an empty disk of 512 GiB in clusters of 2 MiB, whose digest takes minutes. */
function hugeImage(): Uint8Array {
  const header = tinyImage({ size: 0 }).slice(0, 112);
  const view = new DataView(header.buffer);
  view.setUint32(20, 21);
  view.setBigUint64(24, BigInt(512 * 1024 ** 3));
  view.setBigUint64(40, BigInt(6 * 1024 ** 2));
  view.setBigUint64(48, BigInt(2 * 1024 ** 2));
  return header;
}

/** A disk of so many extents that their list is written in pieces; the last of its L2 tables is misaligned. */
function halfwayImage(): Uint8Array {
  const tables = 64;
  const every2nd = new Map(Array.from({ length: 256 }, (_, index) => [2 * index, filled(1)]));
  const image = tinyImage({ clusters: every2nd, size: 512 * 4096 * tables });
  const view = new DataView(image.buffer);
  view.setUint32(36, tables);
  const entry = view.getBigUint64(3 * 4096);
  for (let index = 1; index < tables; index++) view.setBigUint64(3 * 4096 + 8 * index, entry);
  view.setBigUint64(3 * 4096 + 8 * (tables - 1), entry | 512n);
  return image;
}

it.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends with 130",
  async (signal) => {
    const ran = await runQcow(["sha", "huge.qcow2", "--progress-fd", "2"], {
      cwd,
      onStart: (child) => child.stderr?.once("data", () => child.kill(signal)),
    });
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toMatch(/\nqcow: interrupted \(CLI_INTERRUPTED\)\n$/);
  },
);

it.skipIf(process.platform === "win32").each([
  ["decode", "huge.qcow2", "-"],
  ["read", "huge.qcow2", "--bytes", "64G"],
])("%s %s %s ends with 130 while nobody reads its output", async (...args) => {
  const child = spawn(process.execPath, [PROGRAM, ...args.filter((word) => word !== undefined)], {
    cwd,
    stdio: ["ignore", "pipe", "ignore"],
  });
  // One chunk is taken; then the pipe is left full.
  await once(child.stdout, "data");
  child.stdout.pause();
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([130, null]);
  child.stdout.destroy();
});

it.skipIf(process.platform === "win32")("an interrupted document is not followed by another", async () => {
  const ran = await runQcow(["read", "huge.qcow2", "--bytes", "64G", "--json"], {
    cwd,
    onStart: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
  });
  expect(ran.exitCode).toBe(130);
  expect(ran.stderr).toContain("(CLI_INTERRUPTED)");
  expect(ran.stdout.includes("CLI_INTERRUPTED")).toBe(false);
});

it("a document that fails halfway is not followed by another", async () => {
  const ran = await runQcow(["map", "halfway.qcow2", "--json"], { cwd });
  expect(ran.exitCode).toBe(1);
  expect(ran.stderr).toContain("(QCOW2_");
  expect(ran.stdout.length).toBeGreaterThan(0);
  expect(ran.stdout.includes('"error"')).toBe(false);
});

it("a reader that goes away ends the program quietly", async () => {
  const ran = await runQcow(["decode", "disk.qcow2", "-"], {
    cwd,
    onStart: (child) => child.stdout?.once("data", () => child.stdout?.destroy()),
  });
  expect(ran.stderr).toBe("");
  expect(ran.exitCode).toBe(0);
});

it.skipIf(process.platform === "win32")("a failing write removes the file that decode made", async () => {
  // A limit of 64 KiB on file sizes; SIGXFSZ is ignored by Node.js, so the write fails.
  const script = `ulimit -f 64; "$0" "$1" decode disk.qcow2 out.raw 2>&1; echo "exit $?"`;
  const out = execFileSync("sh", ["-c", script, process.execPath, PROGRAM], { cwd, encoding: "utf8" });
  expect(out).toMatch(/The incomplete out\.raw was removed\./);
  expect(out).toContain("exit 1");
  expect(existsSync(join(cwd, "out.raw"))).toBe(false);
});

it
  .skipIf(process.platform !== "linux")
  .each([
    ["info", "disk.qcow2"],
    ["info", "disk.qcow2", "--json"],
    ["map", "disk.qcow2", "--json"],
    ["decode", "disk.qcow2", "-"],
    ["--help"],
    ["--version"],
  ])("%s %s %s to a full disk fails in one line", async (...args) => {
  const stdio: ["ignore", number, "pipe"] = ["ignore", openSync("/dev/full", "w"), "pipe"];
  const words = args.filter((word) => word !== undefined);
  const ran = spawnSync(process.execPath, [PROGRAM, ...words], { cwd, stdio, encoding: "utf8" });
  expect(ran.stderr).toMatch(/^qcow: cannot write the output: .+ \(CLI_OUTPUT_FAILED\)\n$/);
  expect(ran.status).toBe(1);
});
