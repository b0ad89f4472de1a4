import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pipeChunks } from "../src/pipe-chunks.js";
import { scratch } from "./scratch.js";
import { hasTool, libc } from "./tools.js";

const MIB = 1024 * 1024;
const pathTo = scratch();
const never = new AbortController().signal;

/** The reading end of a pipe that a program writes to. */
function pipeFrom(program: string): { readonly fd: number; readonly writer: ChildProcess } {
  const path = pathTo("pipe");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = spawn(process.execPath, ["-e", program, path], { stdio: "ignore" });
  return { fd, writer };
}

/** Bytes that count up, so that a byte in a wrong place shows. */
const counting = (length: number): string => `
  const bytes = Buffer.alloc(${length});
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  require("fs").writeFileSync(process.argv[1], bytes);`;

describe.skipIf(!hasTool("mkfifo"))("the chunks of a pipe (needs mkfifo)", () => {
  it("are all of its bytes, in order, also when they are used slowly", async () => {
    const length = 5 * MIB + 12;
    const { fd } = pipeFrom(counting(length));
    const all = Buffer.alloc(length + MIB);
    let total = 0;
    let largest = 0;
    for await (const chunk of pipeChunks(fd, never)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      all.set(chunk, total);
      total += chunk.byteLength;
      largest = Math.max(largest, chunk.byteLength);
    }
    expect(total).toBe(length);
    let wrong = 0;
    for (let at = 0; at < length; at += 4) if (all.readUInt32LE(at) !== at) wrong++;
    expect(wrong).toBe(0);
    // Linux gives pipes room for 64 KiB; more only where it could be asked for.
    if (libc !== undefined) expect(largest).toBeGreaterThan(64 * 1024);
  });

  it("are none when whoever writes has nothing to say", async () => {
    const { fd } = pipeFrom(counting(0));
    for await (const _ of pipeChunks(fd, never)) expect.unreachable();
  });

  it("end with the reason of the signal, while nothing comes", async () => {
    const { fd, writer } = pipeFrom(
      `require("fs").openSync(process.argv[1], "w"); setTimeout(() => {}, 60_000)`,
    );
    const stop = new AbortController();
    const chunks = pipeChunks(fd, stop.signal);
    const first = chunks.next();
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 50);
    await expect(first).rejects.toBe(reason);
    writer.kill();
    await once(writer, "exit");
  });

  it("are not waited for by whoever wants no more", async () => {
    const { fd, writer } = pipeFrom(
      `const fd = require("fs").openSync(process.argv[1], "w"); for (;;) require("fs").writeSync(fd, Buffer.alloc(65536))`,
    );
    for await (const chunk of pipeChunks(fd, never)) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    // Its writes fail, or end it.
    await once(writer, "exit");
  });
});
