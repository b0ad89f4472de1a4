import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runQcow } from "./run-qcow.js";
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

it.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM"] as const)(
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
  const { execFileSync } = await import("node:child_process");
  const { PROGRAM } = await import("./run-qcow.js");
  const script = `ulimit -f 64; "$0" "$1" decode disk.qcow2 out.raw 2>&1; echo "exit $?"`;
  const out = execFileSync("sh", ["-c", script, process.execPath, PROGRAM], { cwd, encoding: "utf8" });
  expect(out).toMatch(/The incomplete out\.raw was removed\./);
  expect(out).toContain("exit 1");
  expect(existsSync(join(cwd, "out.raw"))).toBe(false);
});

it.skipIf(process.platform !== "linux").each([
  ["info", "disk.qcow2"],
  ["info", "disk.qcow2", "--json"],
  ["map", "disk.qcow2", "--json"],
  ["decode", "disk.qcow2", "-"],
])("%s %s %s to a full disk fails in one line", async (...args) => {
  const { spawnSync } = await import("node:child_process");
  const { openSync } = await import("node:fs");
  const { PROGRAM } = await import("./run-qcow.js");
  const stdio: ["ignore", number, "pipe"] = ["ignore", openSync("/dev/full", "w"), "pipe"];
  const words = args.filter((word) => word !== undefined);
  const ran = spawnSync(process.execPath, [PROGRAM, ...words], { cwd, stdio, encoding: "utf8" });
  expect(ran.stderr).toMatch(/^qcow: cannot write the output: .+ \(CLI_OUTPUT_FAILED\)\n$/);
  expect(ran.status).toBe(1);
});
