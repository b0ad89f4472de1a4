// A folder for the files of one test file, and the program run in it.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type Ran, runQcow } from "./run-qcow.js";

/** Fails unless the bytes are the same; a matcher would take minutes for megabytes. */
export function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  expect.fail(`${actual.length} bytes, not the ${expected.length} expected; the first other one is at ${at}`);
}

/** A temporary folder that goes away after the tests of the file. */
export class Folder {
  readonly path: string;

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `qcow-${name}-`));
    afterAll(() => rmSync(this.path, { recursive: true, force: true }));
  }

  at(name: string): string {
    return join(this.path, name);
  }

  put(name: string, bytes: Uint8Array): string {
    writeFileSync(this.at(name), bytes);
    return name;
  }

  get(name: string): Buffer {
    return readFileSync(this.at(name));
  }

  /** Bytes that a file takes on its disk. */
  spaceOf(name: string): number {
    return statSync(this.at(name)).blocks * 512;
  }

  qcow(...args: string[]): Promise<Ran> {
    return runQcow(args, { cwd: this.path });
  }

  /** Runs a command that must succeed; resolves with its document. */
  async json(...args: string[]): Promise<unknown> {
    const ran = await this.qcow(...args, "--json");
    if (ran.exitCode !== 0) throw new Error(`${args.join(" ")}: exit ${ran.exitCode}: ${ran.stderr}`);
    return JSON.parse(ran.stdout.toString());
  }

  /** The guest's disk of an image. */
  async disk(image: string): Promise<Buffer> {
    const ran = await this.qcow("decode", image, "-");
    if (ran.exitCode !== 0) throw new Error(`decode ${image}: ${ran.stderr}`);
    return ran.stdout;
  }

  /** The exit code of `qcow check`: 0 for an image with which nothing is wrong. */
  async check(image: string): Promise<number | null> {
    return (await this.qcow("check", image)).exitCode;
  }
}
