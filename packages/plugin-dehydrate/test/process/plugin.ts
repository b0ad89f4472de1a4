// The real program with this plugin linked, in folders of the test's own.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = join(dirname(createRequire(import.meta.url).resolve("qcow/package.json")), "bin", "run.js");
const PLUGIN = fileURLToPath(new URL("../..", import.meta.url));

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class LinkedProgram {
  /** Of plugins, and for the files of a test. */
  readonly #data = mkdtempSync(join(tmpdir(), "qcow-plugins-"));
  readonly #files = mkdtempSync(join(tmpdir(), "qcow-dehydrate-"));

  /** Links the plugin, which reaches for nothing on a network. */
  async link(): Promise<Ran> {
    return await this.run(["plugins", "link", PLUGIN, "--no-install"]);
  }

  run(args: readonly string[], onStart: (child: ReturnType<typeof spawn>) => void = () => {}): Promise<Ran> {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: this.#files,
      env: { ...process.env, NO_COLOR: "1", QCOW_DATA_DIR: this.#data },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    onStart(child);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    });
  }

  /** Runs a command that must succeed; resolves with its document. */
  async json(...args: string[]): Promise<Record<string, unknown>> {
    const ran = await this.run([...args, "--json"]);
    if (ran.exitCode !== 0) throw new Error(`${args.join(" ")}: exit ${ran.exitCode}: ${ran.stderr}`);
    return JSON.parse(ran.stdout);
  }

  at(name: string): string {
    return join(this.#files, name);
  }

  put(name: string, bytes: Uint8Array | string): void {
    writeFileSync(this.at(name), bytes);
  }

  get(name: string): Buffer {
    return readFileSync(this.at(name));
  }

  /** Names of the files that there are. */
  names(): string[] {
    return readdirSync(this.#files).sort();
  }

  clear(): void {
    for (const name of this.names()) rmSync(this.at(name), { recursive: true });
  }

  remove(): void {
    for (const folder of [this.#data, this.#files]) rmSync(folder, { recursive: true, force: true });
  }
}
