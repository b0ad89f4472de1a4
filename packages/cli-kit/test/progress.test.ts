import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { percentOf, startProgress } from "../src/progress.js";

it("writes one line to the descriptor for each change of the percentage", async () => {
  const folder = mkdtempSync(join(tmpdir(), "qcow-progress-"));
  const fd = openSync(join(folder, "lines"), "w");
  const display = await startProgress({ fd, quiet: false });
  for (const done of [0, 1, 420, 421, 1000]) display.onProgress({ done, total: 1000 });
  display.stop();
  closeSync(fd);
  expect(readFileSync(join(folder, "lines"), "utf8")).toBe(
    '{ "progress": 0 }\n{ "progress": 42 }\n{ "progress": 100 }\n',
  );
  rmSync(folder, { recursive: true });
});

it("ends the lines, and only them, when the descriptor fails", async () => {
  const folder = mkdtempSync(join(tmpdir(), "qcow-progress-"));
  const closed = openSync(join(folder, "lines"), "w");
  closeSync(closed);
  const failures: unknown[] = [];
  const display = await startProgress({
    fd: closed,
    quiet: false,
    onFailure: (error) => failures.push(error),
  });
  for (const done of [0, 1, 2]) display.onProgress({ done, total: 2 });
  expect(failures).toMatchObject([{ code: "EBADF" }]);
  rmSync(folder, { recursive: true });
});

it("shows nothing when stderr is no terminal and nothing was asked for", async () => {
  const display = await startProgress({ quiet: false });
  expect(() => {
    display.onProgress({ done: 1, total: 2 });
    display.stop();
  }).not.toThrow();
});

it("says 100 only at the end, and for nothing to do", () => {
  expect(percentOf({ done: 999, total: 1000 })).toBe(99);
  expect(percentOf({ done: 1000, total: 1000 })).toBe(100);
  expect(percentOf({ done: 0, total: 0 })).toBe(100);
});
