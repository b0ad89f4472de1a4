// Runs the lines of a table in bash, each in a folder of its own with the same files.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { Folder } from "../process/folder.js";
import { PROGRAM, type Ran } from "../process/run-qcow.js";
import type { Row } from "./row.js";

const PLUGIN = fileURLToPath(new URL("../../../plugin-dehydrate/", import.meta.url));

/** Whether rows that need the plugin are skipped: it was not built. */
export const skipsPlugin = !existsSync(`${PLUGIN}dist`) && process.env.QCOW_REQUIRE_TOOLS !== "1";

/** What the lines call besides qcow: all of it is on most systems, and not on each. */
const SHELL_TOOLS = [
  "bash",
  "cmp",
  "cut",
  "dd",
  "diff",
  "grep",
  "head",
  "od",
  "sha1sum",
  "stat",
  "tail",
  "tr",
  "truncate",
];

/** What the title of a table says of {@link skipsShell}. */
export const needsShell = `(needs ${SHELL_TOOLS.join(", ")})`;

/** Whether the tables are skipped: something that their lines call is not here. */
export const skipsShell =
  process.platform === "win32" ||
  (process.env.QCOW_REQUIRE_TOOLS !== "1" &&
    spawnSync("bash", ["-c", SHELL_TOOLS.map((tool) => `command -v ${tool}`).join(" && ")]).status !== 0);

/** What came of a line. */
export interface Line {
  /** The folder that it was run in. */
  readonly cwd: string;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface BashOptions {
  /** Whether the plugin is there. */
  readonly plugins?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

export class RowRunner {
  readonly #folder: Folder;
  #count = 0;

  constructor(name: string) {
    this.#folder = new Folder(name);
    for (const part of ["bin", "files", "plain", "plugins"]) mkdirSync(this.#folder.at(part));
    for (const name of ["qcow", "qcow-tool"]) symlinkSync(PROGRAM, this.#folder.at(`bin/${name}`));
    const plugins = [{ type: "link", name: "@qcow/plugin-dehydrate", root: PLUGIN }];
    this.#folder.put("plugins/package.json", json({ oclif: { schema: 1, plugins } }));
  }

  /** Makes a file that each row has. */
  put(name: string, bytes: Uint8Array | string): void {
    writeFileSync(this.#folder.at(`files/${name}`), bytes);
  }

  /** Makes files that each row has with a line for bash, which must succeed. */
  async make(line: string): Promise<void> {
    const ran = await this.#bash(line, this.#folder.at("files"));
    if (ran.exitCode !== 0) throw new Error(`${line}: exit ${ran.exitCode}: ${ran.stderr}`);
  }

  /** Runs `line` in a new folder. */
  async run(line: string, { needsPlugin = false } = {}): Promise<Line> {
    const cwd = this.#newFolder();
    const { exitCode, stdout, stderr } = await this.#bash(line, cwd, { plugins: needsPlugin });
    return { cwd, exitCode, stdout: stdout.toString(), stderr };
  }

  /** Runs `line` in the folder `cwd`, and fails unless it succeeds. */
  async prove(line: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
    const { exitCode, stdout, stderr } = await this.#bash(line, cwd, { env });
    expect({ line, exitCode, stdout: stdout.toString(), stderr }).toMatchObject({ exitCode: 0 });
  }

  /** Runs the line of `row`, and fails unless everything is as the row says. */
  async expectRow({ line, exit = 0, stdout, stderr, proof, needsPlugin = false }: Row): Promise<void> {
    const ran = await this.run(line, { needsPlugin });
    expect(ran).toMatchObject({ exitCode: exit });
    expectText(ran.stdout, stdout);
    expectText(ran.stderr, stderr);
    if (proof !== undefined) await this.prove(proof, ran.cwd);
  }

  #newFolder(): string {
    const cwd = this.#folder.at(`row-${this.#count++}`);
    mkdirSync(cwd);
    for (const name of readdirSync(this.#folder.at("files")))
      copyFileSync(this.#folder.at(`files/${name}`), `${cwd}/${name}`);
    return cwd;
  }

  #bash(line: string, cwd: string, { plugins = false, env: more = {} }: BashOptions = {}): Promise<Ran> {
    const data = this.#folder.at(plugins ? "plugins" : "plain");
    const PATH = `${this.#folder.at("bin")}${delimiter}${process.env.PATH}`;
    const env = { ...process.env, PATH, NO_COLOR: "1", TZ: "UTC", QCOW_DATA_DIR: data, ...more };
    const child = spawn("bash", ["-o", "pipefail", "-c", line], {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (exitCode) => {
        resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
      });
    });
  }
}

function expectText(text: string, expected: string | RegExp | undefined): void {
  if (typeof expected === "string") expect(text).toBe(expected);
  else if (expected !== undefined) expect(text).toMatch(expected);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
