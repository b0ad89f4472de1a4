import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runQcow } from "./run-qcow.js";

const data = mkdtempSync(join(tmpdir(), "qcow-no-plugins-"));
afterAll(() => rmSync(data, { recursive: true, force: true }));

it.each(["dehydrate", "rehydrate"])("%s without its plugin says which one that is", async (command) => {
  const ran = await runQcow([command, "disk.qcow2", "prefix"], { env: { QCOW_DATA_DIR: data } });
  expect(ran.exitCode).toBe(64);
  expect(ran.stderr).toBe(
    `qcow: ${command} is a command of a plugin that is not installed (CLI_USAGE)\n` +
      "Install it with `qcow plugins install @qcow/plugin-dehydrate`.\n",
  );
});
