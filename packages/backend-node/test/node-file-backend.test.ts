import { writeFileSync } from "node:fs";
import { openReadable, openWritable } from "@qcow/backend-node";
import { describe, expect, it } from "vitest";
import { fsWith, hostErrorOf, realFs } from "./fake-file-system.js";
import { scratch } from "./scratch.js";

const pathTo = scratch();

function fileOf(contents: string): string {
  const path = pathTo();
  writeFileSync(path, contents);
  return path;
}

describe("reading", () => {
  it("names file, range and reason when the host fails, also in the middle", async () => {
    let calls = 0;
    const fs = fsWith({
      read: (fd, buffer, start, length, position, callback) => {
        calls += 1;
        if (calls > 1) callback(hostErrorOf("EIO"), 0);
        else realFs.read(fd, buffer, start, Math.min(length, 2), position, callback);
      },
    });
    const path = fileOf("contents");
    await using backend = await openReadable(path, { fs });
    await expect(backend.read(1, new Uint8Array(5))).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: `cannot read ${path}: input/output error`,
      offset: 1,
      length: 5,
    });
  });

  it("says where the file ends when a read goes past it", async () => {
    const path = fileOf("contents");
    await using backend = await openReadable(path);
    await expect(backend.read(6, new Uint8Array(10))).rejects.toMatchObject({
      message: `cannot read 10 bytes at 6 of ${path}: the file ends at 8`,
    });
    await expect(backend.read(9, new Uint8Array(10))).rejects.toMatchObject({
      message: `cannot read 10 bytes at 9 of ${path}: the file ends before that`,
    });
  });

  it("stops between two transfers when it is cancelled", async () => {
    const controller = new AbortController();
    let calls = 0;
    const fs = fsWith({
      read: (fd, buffer, start, _length, position, callback) => {
        calls += 1;
        controller.abort();
        realFs.read(fd, buffer, start, 1, position, callback);
      },
    });
    await using backend = await openReadable(fileOf("contents"), { fs });
    const read = backend.read(0, new Uint8Array(8), { signal: controller.signal });
    await expect(read).rejects.toBe(controller.signal.reason);
    expect(calls).toBe(1);
  });
});

describe("writing", () => {
  it("gives up when the host takes nothing", async () => {
    const fs = fsWith({ write: (_fd, _buffer, _start, _length, _position, callback) => callback(null, 0) });
    await using backend = await openWritable(pathTo(), { fs, create: true });
    await expect(backend.write(0, new Uint8Array(8))).rejects.toMatchObject({ code: "BACKEND_IO" });
  });

  it("says that the disk is full", async () => {
    const cause = hostErrorOf("ENOSPC");
    const fs = fsWith({ write: (_fd, _buffer, _start, _length, _position, callback) => callback(cause, 0) });
    await using backend = await openWritable(pathTo(), { fs, create: true });
    await expect(backend.write(4, new Uint8Array(8))).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: `cannot write ${backend.label}: no space left on device`,
      offset: 4,
      length: 8,
      cause,
    });
  });

  it("never calls anything durable again once a flush has failed", async () => {
    let calls = 0;
    const fs = fsWith({
      fdatasync: (_fd, callback) => {
        calls += 1;
        callback(calls === 1 ? hostErrorOf("EIO") : null);
      },
    });
    await using backend = await openWritable(pathTo(), { fs, create: true });
    const failure = { code: "BACKEND_IO", message: `cannot flush ${backend.label}: input/output error` };
    await expect(backend.flush()).rejects.toMatchObject(failure);
    await expect(backend.flush()).rejects.toMatchObject(failure);
  });

  it("flushes to the host", async () => {
    const flushed: number[] = [];
    const fs = fsWith({
      fdatasync: (fd, callback) => {
        flushed.push(fd);
        realFs.fdatasync(fd, callback);
      },
    });
    await using backend = await openWritable(pathTo(), { fs, create: true });
    await backend.flush();
    expect(flushed.length).toBe(1);
  });
});

describe("closing", () => {
  it("keeps the descriptor until the last operation on it has ended", async () => {
    const order: string[] = [];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const fs = fsWith({
      read: (fd, buffer, start, length, position, callback) => {
        void held.then(() => {
          order.push("read");
          realFs.read(fd, buffer, start, length, position, callback);
        });
      },
      close: (fd, callback) => {
        order.push("close");
        realFs.close(fd, callback);
      },
    });
    const backend = await openReadable(fileOf("contents"), { fs });
    const target = new Uint8Array(8);
    const read = backend.read(0, target);
    const closing = backend.close();
    await expect(backend.size()).rejects.toMatchObject({ code: "BACKEND_CLOSED" });
    letGo();
    await Promise.all([read, closing, backend.close()]);
    expect(order).toEqual(["read", "close"]);
    expect(Buffer.from(target).toString()).toBe("contents");
  });

  it("reports that the host could not close", async () => {
    const fs = fsWith({ close: (fd, callback) => realFs.close(fd, () => callback(hostErrorOf("EIO"))) });
    const backend = await openReadable(fileOf(""), { fs });
    await expect(backend.close()).rejects.toMatchObject({ code: "BACKEND_IO" });
  });
});
