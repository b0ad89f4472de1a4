import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { openReadable, openWritable } from "@qcow/backend-node";
import { afterAll, describe, expect, it } from "vitest";
import { takeLock } from "../src/image-lock.js";
import type { Libc } from "../src/libc.js";
import { hostErrorOf, realFs } from "./fake-file-system.js";
import { IDLE_LIBC } from "./idle-libc.js";
import { scratch } from "./scratch.js";
import { hasTool, heldByQemuIo, libc, makeImage, outcomeOf } from "./tools.js";

const pathTo = scratch();
const built = new URL("../dist/index.js", import.meta.url);
const LOCKED = { code: "BACKEND_LOCKED" };

function fileOf(contents: string): string {
  const path = pathTo("image");
  writeFileSync(path, contents);
  return path;
}

const openExclusive = (path: string) => openWritable(path, { lock: "exclusive" });
const openShared = (path: string) => openReadable(path, { lock: "shared" });

describe.skipIf(libc === undefined)("locks among ourselves (needs koffi)", () => {
  it("lets one writer in, and says what to do about a second, also in one process", async () => {
    const path = fileOf("contents");
    await using first = await openExclusive(path);
    expect(first.lock).toBe("held");
    await expect(openExclusive(path)).rejects.toMatchObject({
      ...LOCKED,
      label: path,
      message: `cannot open ${path}: another program (a virtual machine, qemu-nbd, another qcow) is writing to it; close it there, or wait until it has finished`,
    });
  });

  it("lets the next writer in after closing, and after a failed attempt", async () => {
    const path = fileOf("contents");
    const first = await openExclusive(path);
    await expect(openExclusive(path)).rejects.toMatchObject(LOCKED);
    await expect(openExclusive(path)).rejects.toMatchObject(LOCKED);
    await first.close();
    for (let round = 0; round < 3; round += 1) await (await openExclusive(path)).close();
  });

  it("lets readers share with each other and with a writer, whoever comes first", async () => {
    const path = fileOf("contents");
    await using before = await openShared(path);
    await using writer = await openExclusive(path);
    await using after = await openShared(path);
    expect([before.lock, writer.lock, after.lock]).toEqual(["held", "held", "held"]);
    const target = new Uint8Array(8);
    await after.read(0, target);
    expect(Buffer.from(target).toString()).toBe("contents");
  });

  it("neither takes nor respects locks unless it is told to", async () => {
    const path = fileOf("contents");
    await using holder = await openExclusive(path);
    await using writer = await openWritable(path);
    await using reader = await openReadable(path);
    expect([holder.lock, writer.lock, reader.lock]).toEqual(["held", "none", "none"]);
  });

  it("does not truncate what somebody else holds", async () => {
    const path = fileOf("contents");
    await using _holder = await openExclusive(path);
    for (const options of [{ truncate: true }, { truncate: true, create: true }]) {
      await expect(openWritable(path, { ...options, lock: "exclusive" })).rejects.toMatchObject(LOCKED);
    }
    expect(readFileSync(path, "utf8")).toBe("contents");
  });

  it("keeps locks apart by file, not by name", async () => {
    await using _first = await openExclusive(fileOf("a"));
    await using second = await openExclusive(fileOf("b"));
    expect(second.lock).toBe("held");
    await using created = await openWritable(pathTo("new"), { exclusive: true, lock: "exclusive" });
    expect(created.lock).toBe("held");
    await expect(openExclusive(created.label)).rejects.toMatchObject(LOCKED);
  });

  it.skipIf(!existsSync(built))("ends when the process that holds it is killed", async () => {
    const path = fileOf("contents");
    const script = `
      const { openWritable } = await import(${JSON.stringify(built.href)});
      const backend = await openWritable(${JSON.stringify(path)}, { lock: "exclusive" });
      console.log(backend.lock);
      process.stdin.resume();
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [lock] = await once(child.stdout, "data");
    expect(String(lock)).toBe("held\n");
    await expect(openExclusive(path)).rejects.toMatchObject(LOCKED);
    child.kill("SIGKILL");
    await once(child, "exit");
    await (await openExclusive(path)).close();
  });
});

const missing = ["qemu-img", "qemu-io", "qemu-nbd"].filter((tool) => !hasTool(tool));
const needs = "needs koffi, qemu-img, qemu-io, qemu-nbd";

describe.skipIf(libc === undefined || missing.length > 0)(`locks against QEMU (${needs})`, () => {
  it("fails at once while qemu-io writes, and works when that is through", async () => {
    const path = makeImage(pathTo("image"));
    {
      await using _held = await heldByQemuIo(path);
      await expect(openExclusive(path)).rejects.toMatchObject({
        ...LOCKED,
        message: expect.stringContaining("is writing to it"),
      });
      await using reader = await openShared(path);
      expect(reader.lock).toBe("held");
    }
    await (await openExclusive(path)).close();
  });

  it("fails at once while qemu-io reads and wants no writers", async () => {
    const path = makeImage(pathTo("image"));
    {
      await using _held = await heldByQemuIo(path, "-r");
      await expect(openExclusive(path)).rejects.toMatchObject({
        ...LOCKED,
        message: expect.stringContaining("lets nobody else write to it"),
      });
      await (await openShared(path)).close();
    }
    await (await openExclusive(path)).close();
  });

  it("fails at once while qemu-nbd exports the image", async () => {
    const path = makeImage(pathTo("image"));
    const socket = pathTo("s");
    const child = spawn("qemu-nbd", ["-f", "qcow2", "-k", socket, "-t", path], { stdio: "ignore" });
    const exited = once(child, "exit");
    try {
      await expect.poll(() => existsSync(socket), { timeout: 10_000 }).toBe(true);
      await expect(openExclusive(path)).rejects.toMatchObject(LOCKED);
    } finally {
      // One that is asked to end in the moment in which it is ready may never do so.
      child.kill("SIGKILL");
      await exited;
    }
    await (await openExclusive(path)).close();
  });

  it("keeps QEMU's writers and readers out while we hold the image, and no longer", async () => {
    const path = makeImage(pathTo("image"));
    const attempts = [
      ["qemu-img", "info", path],
      ["qemu-img", "check", path],
      ["qemu-io", "-f", "qcow2", "-c", "write 0 4k", path],
      ["qemu-img", "resize", "-q", path, "2M"],
    ] as const;
    const backend = await openExclusive(path);
    const nbd = outcomeOf("qemu-nbd", "-f", "qcow2", "-k", pathTo("s"), path);
    expect(nbd.status).not.toBe(0);
    expect(nbd.text).toMatch(/Failed to get .*"write" lock/);
    for (const [program, ...args] of attempts) {
      const { status, text } = outcomeOf(program, ...args);
      expect(text).toMatch(/Failed to get .*"write" lock/);
      expect(status).not.toBe(0);
    }
    // The way in that QEMU offers for looking at images in use.
    expect(outcomeOf("qemu-img", "info", "-U", path).status).toBe(0);
    await backend.close();
    for (const [program, ...args] of attempts) expect(outcomeOf(program, ...args).status).toBe(0);
  });

  it("lets QEMU write while we only read", async () => {
    const path = makeImage(pathTo("image"));
    await using _reader = await openShared(path);
    expect(outcomeOf("qemu-io", "-f", "qcow2", "-c", "write 0 4k", path).status).toBe(0);
    expect(outcomeOf("qemu-img", "info", path).status).toBe(0);
  });
});

/** Locks of which `others` are taken, and which answers with `failure` if there is one. */
function locksOf(others: readonly number[], failure?: string): Libc {
  return {
    ...IDLE_LIBC,
    lockByte: () => (failure === undefined ? Promise.resolve() : Promise.reject(hostErrorOf(failure))),
    isByteLocked: async (_fd, byte) => others.includes(byte),
  };
}

describe("what hosts answer", () => {
  const file = { fs: realFs, fd: -1, label: "disk" };

  it.each([
    ["exclusive", [101, 103, 200, 201, 203]],
    ["shared", [200]],
  ] as const)("%s is in the way of exactly these bytes of others: %j", async (kind, expected) => {
    const refused: number[] = [];
    for (let byte = 0; byte < 300; byte += 1) {
      await takeLock(locksOf([byte]), file, kind).catch(() => refused.push(byte));
    }
    expect(refused).toEqual(expected);
  });

  it.each([
    ["ENOLCK", undefined],
    ["EINVAL", undefined],
    ["EAGAIN", "BACKEND_LOCKED"],
    ["EACCES", "BACKEND_LOCKED"],
    ["EIO", "BACKEND_IO"],
  ])("%s", async (failure, code) => {
    const outcome = takeLock(locksOf([], failure), file, "exclusive");
    if (code === undefined) expect(await outcome).toBe("unavailable");
    else await expect(outcome).rejects.toMatchObject({ code, cause: { code: failure } });
  });

  it("opens without a lock on a file system that is not the host's, and says so", async () => {
    const path = fileOf("contents");
    await using first = await openWritable(path, { fs: realFs, lock: "exclusive" });
    await using second = await openReadable(path, { fs: realFs, lock: "shared" });
    expect([first.lock, second.lock]).toEqual(["unavailable", "unavailable"]);
  });
});

/** A real block device over a file, where the test may have one. */
function loopDevice(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const path = fileOf("");
  truncateSync(path, 1024 * 1024);
  try {
    const device = execFileSync("losetup", ["--find", "--show", path], {
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
    afterAll(() => execFileSync("losetup", ["--detach", device]));
    return device;
  } catch {
    return undefined;
  }
}

const device = loopDevice();

describe.skipIf(device === undefined || libc === undefined)("a block device (needs loop devices)", () => {
  it("is locked as a file is", async () => {
    const path = device ?? "";
    await using writer = await openExclusive(path);
    expect(writer.lock).toBe("held");
    await expect(openExclusive(path)).rejects.toMatchObject(LOCKED);
    await (await openShared(path)).close();
    if (missing.length === 0) {
      expect(outcomeOf("qemu-io", "-f", "raw", "-c", "write 0 4k", path).text).toContain("lock");
    }
  });

  it("discards any range, and has neither nextData nor allocate", async () => {
    await using backend = await openWritable(device ?? "", { sparse: true });
    expect("nextData" in backend || "allocate" in backend).toBe(false);
    const size = await backend.size();
    for (const [offset, length] of [
      [0, size],
      [4096, 8192],
      [100, 200],
      [5000, 20_000],
      [size - 5, 100],
      [size, 4096],
    ] as const) {
      const expected = new Uint8Array(size).fill(7);
      await backend.write(0, expected);
      await backend.discard?.(offset, length);
      const actual = new Uint8Array(size);
      await backend.read(0, actual);
      expect(Buffer.compare(actual, expected.fill(0, offset, offset + length))).toBe(0);
    }
  });
});
