import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROGRAM } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

let cwd: string;
const FIRST = Buffer.from(filled(7));

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-progress-fd-"));
  const clusters = new Map([[0, filled(7)]]);
  writeFileSync(join(cwd, "disk.qcow2"), tinyImage({ clusters }));
  writeFileSync(join(cwd, "corrupt.qcow2"), tinyImage({ clusters, corrupt: true }));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** Runs the program with `target` as descriptor 3. */
function withDescriptor(target: string, mode: string, ...args: string[]) {
  const fd = openSync(target, mode);
  const stdio: ("ignore" | "pipe" | number)[] = ["ignore", "pipe", "pipe", fd];
  const ran = spawnSync(process.execPath, [PROGRAM, ...args], { cwd, stdio, encoding: "utf8" });
  closeSync(fd);
  return ran;
}

/** Runs the program without what this process itself has inherited. */
const CLEAN = 'for n in $(seq 3 40); do eval "exec $n>&-"; done; exec "$0" "$@"';

it.skipIf(process.platform !== "linux")(
  "no descriptor that was not inherited is taken",
  () => {
    const numbers = Array.from({ length: 30 }, (_, index) => String(3 + index));
    for (const fd of [...numbers, "1023", "2147483648", "99999999999", "-1", "1.5"]) {
      const args = ["decode", "disk.qcow2", "never.raw", "--progress-fd", fd];
      const ran = spawnSync("bash", ["-c", CLEAN, process.execPath, PROGRAM, ...args], {
        cwd,
        encoding: "utf8",
      });
      expect({ fd, exitCode: ran.status }).toEqual({ fd, exitCode: 64 });
      expect(ran.stderr).toContain("(CLI_USAGE)");
    }
    // A process for each of them.
  },
  180_000,
);

describe.skipIf(process.platform === "win32")("an inherited descriptor", () => {
  it("gets the lines", () => {
    const ran = withDescriptor(join(cwd, "lines"), "w", "sha", "disk.qcow2", "--progress-fd", "3");
    expect(ran.status).toBe(0);
    expect(readFileSync(join(cwd, "lines"), "utf8")).toContain('{ "progress": 100 }\n');
  });

  it("must be open for writing", () => {
    const ran = withDescriptor(join(cwd, "disk.qcow2"), "r", "sha", "disk.qcow2", "--progress-fd", "3");
    expect(ran.status).toBe(64);
  });

  it.skipIf(process.platform !== "linux")("that cannot take the lines does not end the work", () => {
    const ran = withDescriptor("/dev/full", "w", "decode", "disk.qcow2", "out.raw", "--progress-fd", "3");
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: "" });
    expect(readFileSync(join(cwd, "out.raw")).subarray(0, 4096)).toEqual(FIRST);
  });
});

describe.skipIf(process.platform === "win32")("a reader that has gone", () => {
  const sh = (script: string) => spawnSync("bash", ["-c", script, process.execPath, PROGRAM], { cwd }).status;

  it("from the progress leaves the work and the exit code", () => {
    expect(sh('"$0" "$1" decode disk.qcow2 gone.raw --progress-fd 3 3> >(exec 0<&-)')).toBe(0);
    expect(readFileSync(join(cwd, "gone.raw")).subarray(0, 4096)).toEqual(FIRST);
    expect(sh('"$0" "$1" check corrupt.qcow2 --progress-fd 3 3> >(exec 0<&-)')).toBe(2);
  });

  it("from stdout leaves the verdict of check", () => {
    const script = (json: string) =>
      `set -o pipefail; (sleep 0.3; exec "$0" "$1" check corrupt.qcow2 ${json}) | true`;
    expect(sh(script(""))).toBe(2);
    expect(sh(script("--json"))).toBe(2);
  });
});
