import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

let cwd: string;
let env: NodeJS.ProcessEnv;

/** Adds `--tell FILE` to every command: what happened, as lines of JSON. */
const EXTENSIONS = `
import { appendFileSync } from "node:fs";
import { Flags } from "@oclif/core";
export default async function ({ addExtension }) {
  addExtension({
    flags: (command) => ({
      tell: Flags.string({ description: "Tell what happens." }),
      ...(command === "info" ? { "only-info": Flags.boolean() } : {}),
    }),
    begin: ({ command, flags, note }) => {
      if (flags.tell === undefined) return undefined;
      if (flags.tell === "") throw Object.assign(new Error("tell whom?"), { code: "CLI_USAGE" });
      const tell = (what) => appendFileSync(flags.tell, JSON.stringify(what) + "\\n");
      note("telling");
      return {
        image: ({ id, writable }) => ({
          observer: { guestRead: ({ length }) => tell({ read: length }) },
          opened: () => tell({ opened: id, writable }),
          closed: (last) => tell({ closed: id, fileSize: last?.fileSize }),
        }),
        finish: ({ exitCode, error, interrupted }) =>
          tell({ command, exitCode, error: error?.code, interrupted }),
      };
    },
  });
}
`;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "qcow-extensions-"));
  writeFileSync(join(cwd, "disk.qcow2"), tinyImage({ clusters: new Map([[3, filled(7)]]) }));
  // The plugin finds oclif as an installed one would, beside itself.
  const plugin = fileURLToPath(new URL("../../node_modules/.cache/qcow-extension-test", import.meta.url));
  rmSync(plugin, { recursive: true, force: true });
  mkdirSync(plugin, { recursive: true });
  writeFileSync(
    join(plugin, "package.json"),
    JSON.stringify({
      name: "qcow-extension-test",
      version: "1.0.0",
      type: "module",
      oclif: { hooks: { "qcow:extensions": "./extensions.js" } },
    }),
  );
  writeFileSync(join(plugin, "extensions.js"), EXTENSIONS);
  mkdirSync(join(cwd, "data"));
  writeFileSync(
    join(cwd, "data", "package.json"),
    JSON.stringify({
      oclif: { schema: 1, plugins: [{ type: "link", name: "qcow-extension-test", root: plugin }] },
    }),
  );
  env = { QCOW_DATA_DIR: join(cwd, "data") };
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));
beforeEach(() => rmSync(join(cwd, "told"), { force: true }));

function told(): unknown[] {
  return readFileSync(join(cwd, "told"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

it("help shows the flags that a plugin adds, of the commands that they are for", async () => {
  const [info, sha] = await Promise.all(
    ["info", "sha"].map((command) => runQcow([command, "--help"], { cwd, env })),
  );
  expect(String(info?.stdout)).toMatch(/--only-info[\s\S]*--tell=<value>\s+Tell what happens/);
  expect(String(sha?.stdout)).toMatch(/--tell=<value>/);
  expect(String(sha?.stdout)).not.toMatch(/only-info/);
});

it("a plugin's flags are no flags of commands that are not qcow's own", async () => {
  const { stdout } = await runQcow(["plugins", "install", "--help"], { cwd, env });
  expect(String(stdout)).not.toMatch(/--tell/);
});

it("a watch sees the images, what is read, and the end", async () => {
  const ran = await runQcow(["read", "disk.qcow2", "--sector=24", "--tell=told"], { cwd, env });
  expect(ran).toMatchObject({ exitCode: 0, stderr: "telling\n" });
  const { length } = readFileSync(join(cwd, "disk.qcow2"));
  expect(told()).toEqual([
    { opened: "disk.qcow2", writable: false },
    { read: 512 },
    { closed: "disk.qcow2", fileSize: length },
    { command: "read", exitCode: 0, interrupted: false },
  ]);
});

it("a failure and its exit code are told", async () => {
  const ran = await runQcow(["info", "missing.qcow2", "--tell=told", "--quiet"], { cwd, env });
  expect(ran.exitCode).toBe(1);
  expect(told()).toEqual([{ command: "info", exitCode: 1, error: "BACKEND_NOT_FOUND", interrupted: false }]);
});

it("an interruption is told", async () => {
  const args = ["write", "disk.qcow2", "--offset=0", "--input=-", "--tell=told"];
  const ran = await runQcow(args, {
    cwd,
    env,
    // Stdin does not end before the program does.
    keepStdin: true,
    onStart: (child) => child.stderr?.once("data", () => child.kill("SIGINT")),
  });
  expect(ran.exitCode).toBe(130);
  expect(told().at(-1)).toMatchObject({ command: "write", exitCode: 130, interrupted: true });
});

it("without its flag a plugin watches nothing, and output is as it is without the plugin", async () => {
  const [plain, extended] = await Promise.all([
    runQcow(["map", "disk.qcow2", "--json"], { cwd, env: { QCOW_DATA_DIR: join(cwd, "none") } }),
    runQcow(["map", "disk.qcow2", "--json"], { cwd, env }),
  ]);
  expect(extended).toEqual(plain);
});
