import { statSync } from "node:fs";
import { openReadable, openWritable } from "@qcow/backend-node";
import { describe, expect, it } from "vitest";
import type { Libc } from "../src/libc.js";
import { NodeFileBackend } from "../src/node-file-backend.js";
import { fsWith, hostErrorOf, realFs } from "./fake-file-system.js";
import { IDLE_LIBC } from "./idle-libc.js";
import { scratch } from "./scratch.js";
import { libc } from "./tools.js";

const pathTo = scratch();
const MiB = 1024 * 1024;

const allocatedBytes = (path: string) => statSync(path).blocks * 512;

describe.skipIf(libc === undefined)("holes (needs koffi)", () => {
  it("gives space back, so that the length and the space that is used both tell the truth", async () => {
    await using backend = await openWritable(pathTo(), { create: true, sparse: true });
    await backend.write(0, new Uint8Array(4 * MiB).fill(1));
    await backend.flush();
    const before = allocatedBytes(backend.label);
    await backend.discard?.(MiB, 2 * MiB);
    expect(before - allocatedBytes(backend.label)).toBe(2 * MiB);
    expect(statSync(backend.label).size).toBe(4 * MiB);
  });

  it("reserves space without writing", async () => {
    await using backend = await openWritable(pathTo(), { create: true, sparse: true });
    await backend.allocate?.(MiB, 2 * MiB);
    expect(statSync(backend.label).size).toBe(3 * MiB);
    expect(allocatedBytes(backend.label)).toBeGreaterThanOrEqual(2 * MiB);
    expect(allocatedBytes(backend.label)).toBeLessThan(3 * MiB);
  });

  it("finds data between holes, also in a file that is only read, at offsets past 2^32", async () => {
    const path = pathTo();
    await using backend = await openWritable(path, { create: true, sparse: true });
    await backend.write(5 * 2 ** 30, new Uint8Array(MiB).fill(1));
    await backend.resize(2 ** 40);
    await using reader = await openReadable(path, { sparse: true });
    for (const one of [backend, reader]) {
      const range = await one.nextData?.(0);
      expect(range).toEqual({ start: 5 * 2 ** 30, end: 5 * 2 ** 30 + MiB });
      expect(await one.nextData?.(6 * 2 ** 30)).toBeUndefined();
    }
  });

  it("finds what a hole was punched out of", async () => {
    await using backend = await openWritable(pathTo(), { create: true, sparse: true });
    await backend.write(0, new Uint8Array(4 * MiB).fill(1));
    await backend.discard?.(MiB, MiB);
    expect(await backend.nextData?.(0)).toEqual({ start: 0, end: MiB });
    expect(await backend.nextData?.(MiB)).toEqual({ start: 2 * MiB, end: 4 * MiB });
  });

  it("disturbs neither reads nor writes under way", async () => {
    await using backend = await openWritable(pathTo(), { create: true, sparse: true });
    const block = (value: number) => new Uint8Array(65_536).fill(value);
    await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        await backend.write(index * 131_072, block(index + 1));
        await backend.nextData?.(index);
        await backend.discard?.(index * 131_072 + 65_536, 4096);
        const target = new Uint8Array(65_536);
        await backend.read(index * 131_072, target);
        expect(Buffer.compare(target, block(index + 1))).toBe(0);
      }),
    );
  });
});

describe("members for holes", () => {
  const membersOf = (backend: object) =>
    ["discard", "allocate", "nextData"].filter((name) => name in backend);

  it.skipIf(libc === undefined)("are there when asked for, or when a lock is (needs koffi)", async () => {
    const path = pathTo();
    await using writer = await openWritable(path, { create: true, sparse: true });
    await using locker = await openWritable(path, { lock: "exclusive" });
    await using reader = await openReadable(path, { sparse: true });
    expect(membersOf(writer)).toEqual(["discard", "allocate", "nextData"]);
    expect(membersOf(locker)).toEqual(["discard", "allocate", "nextData"]);
    expect(membersOf(reader)).toEqual(["nextData"]);
  });

  it("are absent when nobody asks, and on a file system that is not the host's", async () => {
    const path = pathTo();
    await using plain = await openWritable(path, { create: true });
    await using reader = await openReadable(path);
    await using foreign = await openWritable(path, { fs: realFs, sparse: true });
    for (const backend of [plain, reader, foreign]) expect(membersOf(backend)).toEqual([]);
  });
});

/** A file of 10 000 bytes whose host answers as `calls` do. */
function answering(calls: Partial<Libc>): NodeFileBackend {
  const end = { ...IDLE_LIBC, seek: () => 10_000 };
  return new NodeFileBackend({
    fs: fsWith({ close: (_fd, callback) => callback(null) }),
    fd: -1,
    label: "disk",
    identity: "disk",
    isDevice: false,
    lock: "none",
    libc: { ...end, ...calls },
  });
}

describe("what hosts answer", () => {
  it.each([
    ["EOPNOTSUPP", "BACKEND_UNSUPPORTED", "the file system or device cannot do that"],
    ["ENOSPC", "BACKEND_IO", "no space left on device"],
    ["EIO", "BACKEND_IO", "input/output error"],
  ])("%s", async (failure, code, reason) => {
    const cause = hostErrorOf(failure);
    const backend = answering({ fallocate: () => Promise.reject(cause) });
    const expected = { code, offset: 4096, length: 100, cause };
    await expect(backend.discard?.(4096, 100)).rejects.toMatchObject({
      ...expected,
      message: `cannot punch a hole into disk: ${reason}`,
    });
    await expect(backend.allocate?.(4096, 100)).rejects.toMatchObject({
      ...expected,
      message: `cannot reserve space in disk: ${reason}`,
    });
  });

  it("goes on when a signal interrupts", async () => {
    let calls = 0;
    const backend = answering({
      fallocate: async () => {
        calls += 1;
        if (calls < 3) throw hostErrorOf("EINTR");
      },
    });
    await backend.allocate?.(0, 100);
    expect(calls).toBe(3);
  });

  it("punches only what lies inside the file", async () => {
    const punched: number[][] = [];
    const backend = answering({ fallocate: async (_fd, ...call) => void punched.push(call) });
    await backend.discard?.(9000, Number.MAX_SAFE_INTEGER - 9000);
    await backend.discard?.(10_000, 1);
    await backend.discard?.(50, 0);
    expect(punched).toEqual([[3, 9000, 1000]]);
  });

  it("takes everything for data where the file system cannot tell", async () => {
    const backend = answering({
      seek: (_fd, _offset, whence) => {
        if (whence !== 2) throw hostErrorOf("EINVAL");
        return 10_000;
      },
    });
    expect(await backend.nextData?.(100)).toEqual({ start: 100, end: 10_000 });
    expect(await backend.nextData?.(10_000)).toBeUndefined();
  });

  it("sees nothing in a file that shrinks between two questions, and reports other failures", async () => {
    const shrunk = answering({
      seek: (_fd, offset, whence) => {
        if (whence === 4) throw hostErrorOf("ENXIO");
        return offset;
      },
    });
    expect(await shrunk.nextData?.(100)).toBeUndefined();
    const seek = () => {
      throw hostErrorOf("EIO");
    };
    await expect(answering({ seek }).nextData?.(100)).rejects.toMatchObject({
      code: "BACKEND_IO",
      offset: 100,
    });
    await expect(answering({ seek }).discard?.(0, 100)).rejects.toMatchObject({ code: "BACKEND_IO" });
  });
});
