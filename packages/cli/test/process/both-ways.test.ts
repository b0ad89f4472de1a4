import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

// An installed plugin sends every command the whole way, through oclif; without one they go the direct way.
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-ways-"));
  writeFileSync(join(cwd, "disk.qcow2"), tinyImage({ clusters: new Map([[3, filled(7)]]) }));
  mkdirSync(join(cwd, "data"));
  const plugin = join(cwd, "plugin");
  mkdirSync(plugin);
  const manifest = {
    oclif: { schema: 1, plugins: [{ type: "link", name: "qcow-plugin-test", root: plugin }] },
  };
  writeFileSync(join(cwd, "data", "package.json"), JSON.stringify(manifest));
  writeFileSync(
    join(plugin, "package.json"),
    JSON.stringify({
      name: "qcow-plugin-test",
      version: "1.0.0",
      type: "module",
      oclif: { hooks: { "qcow:backends": "./backends.js" }, commands: "./commands" },
    }),
  );
  writeFileSync(join(plugin, "backends.js"), BACKENDS);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** Serves `reversed://PATH` from the file whose bytes are those of PATH: enough to see that the plugin was asked. */
const BACKENDS = `
import { readFile } from "node:fs/promises";
export default async function ({ registerBackendScheme }) {
  registerBackendScheme("plugin", async ({ location }) => {
    const bytes = await readFile(new URL(location).pathname);
    return {
      label: location,
      size: async () => bytes.length,
      read: async (offset, target) => { target.set(bytes.subarray(offset, offset + target.length)); },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  });
}
`;

it.each([
  ["info", "disk.qcow2"],
  ["info", "disk.qcow2", "--json"],
  ["check", "disk.qcow2"],
  ["map", "disk.qcow2", "--json"],
  ["mapped", "disk.qcow2"],
  ["read", "disk.qcow2", "--sector", "24"],
  ["sha", "disk.qcow2"],
  ["decode", "disk.qcow2", "-"],
  ["write", "disk.qcow2", "--text"],
  ["write", "disk.qcow2", "--text=x", "--json"],
  ["resize", "disk.qcow2", "-32K"],
  ["discard", "disk.qcow2"],
  ["compact", "disk.qcow2"],
  ["compact", "disk.qcow2", "--dry-run"],
  ["encode", "disk.qcow2", "disk.qcow2"],
  ["pattern", "pattern.qcow2", "--size=1M"],
  ["info", "missing.qcow2", "--json"],
  ["info", "--nope"],
])("%s %s %s says the same both ways", async (...args) => {
  const words = args.filter((word) => word !== undefined);
  const direct = await runQcow(words, { cwd, env: { QCOW_DATA_DIR: join(cwd, "no-data") } });
  const whole = await runQcow(words, { cwd, env: { QCOW_DATA_DIR: join(cwd, "data") } });
  expect(whole).toEqual(direct);
});

it("a plugin's backend opens its scheme", async () => {
  const env = { QCOW_DATA_DIR: join(cwd, "data") };
  const ran = await runQcow(["info", `plugin://${join(cwd, "disk.qcow2")}`, "--filter", ".size"], {
    cwd,
    env,
  });
  expect(ran).toMatchObject({ exitCode: 0, stdout: Buffer.from("65536\n"), stderr: "" });
});
