import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { type FileStats, type FileSystem, openReadable, openWritable } from "@qcow/backend-node";
import { afterAll, describe, expect, it } from "vitest";
import { fsWith, hostErrorOf } from "./fake-file-system.js";
import { scratch } from "./scratch.js";

const pathTo = scratch();

const DEVICE: FileStats = {
  dev: 5n,
  ino: 99n,
  // 259:70000, with both numbers spread over the two halves that Linux splits them into.
  rdev: (70000n & 0xffn) | (259n << 8n) | ((70000n & ~0xffn) << 12n),
  size: 0n,
  isFile: () => false,
  isBlockDevice: () => true,
  isDirectory: () => false,
  isFIFO: () => false,
  isSocket: () => false,
  isCharacterDevice: () => false,
};

/** A block device of `size` bytes; `sysfs` is what its size file says. */
function deviceFs(size: number, sysfs: string | undefined, pastEnd?: string): FileSystem & { reads: number } {
  const fs = {
    ...fsWith({
      stat: (_path, _options, callback) => callback(null, DEVICE),
      fstat: (_fd, _options, callback) => callback(null, DEVICE),
      open: (_path, _flags, _mode, callback) => callback(null, 77),
      close: (_fd, callback) => callback(null),
      readFile: (path, _encoding, callback) => {
        if (path === "/sys/dev/block/259:70000/size" && sysfs !== undefined) callback(null, sysfs);
        else callback(hostErrorOf("ENOENT"), "");
      },
      read: (_fd, _buffer, _start, length, position, callback) => {
        fs.reads += 1;
        if (position >= size && pastEnd !== undefined) callback(hostErrorOf(pastEnd), 0);
        else callback(null, Math.max(Math.min(length, size - position), 0));
      },
    }),
    reads: 0,
  };
  return fs;
}

describe("the size of a block device", () => {
  it("is what Linux says, in sectors of 512 bytes, without reading the device", async () => {
    const fs = deviceFs(0, "9765625\n");
    await using backend = await openReadable("/dev/disk", { fs });
    expect(await backend.size()).toBe(5_000_000_000);
    expect(fs.reads).toBe(0);
  });

  it.each([[0], [1], [511], [512], [2 ** 31], [2 ** 40 + 512], [2 ** 50 + 3 * 512]])(
    "is found by reading where nobody says it: %d bytes",
    async (size) => {
      for (const pastEnd of [undefined, "EINVAL", "ENXIO"]) {
        const fs = deviceFs(size, undefined, pastEnd);
        await using backend = await openReadable("/dev/disk", { fs });
        expect(await backend.size()).toBe(size);
        expect(fs.reads).toBeLessThan(120);
      }
    },
  );

  it.each(["", "0\n", "-1\n", "a lot\n", "99999999999999999999\n"])("does not believe %j", async (sysfs) => {
    await using backend = await openReadable("/dev/disk", { fs: deviceFs(12_345, sysfs) });
    expect(await backend.size()).toBe(12_345);
  });

  it("reports a device that cannot be read", async () => {
    const fs = deviceFs(1024, undefined);
    fs.read = (_fd, _buffer, _start, _length, _position, callback) => callback(hostErrorOf("EIO"), 0);
    await using backend = await openReadable("/dev/disk", { fs });
    await expect(backend.size()).rejects.toMatchObject({ code: "BACKEND_IO" });
  });

  it("cannot be changed; truncating leaves it alone", async () => {
    const fs = deviceFs(1024, "2\n");
    fs.ftruncate = () => {
      throw new Error("truncated");
    };
    await using backend = await openWritable("/dev/disk", { fs, truncate: true });
    await backend.resize(1024);
    await expect(backend.resize(512)).rejects.toMatchObject({ code: "BACKEND_UNSUPPORTED" });
  });

  it("makes one identity of all nodes of a device", async () => {
    await using backend = await openReadable("/dev/disk", { fs: deviceFs(0, undefined) });
    expect(backend.identity).toBe(`device:${DEVICE.rdev}`);
  });
});

/** A real block device over a file, where the test may have one: on Linux, as root, with loop devices. */
function loopDevice(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const path = pathTo("disk");
  writeFileSync(path, "start");
  truncateSync(path, 5_000_192);
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

describe.skipIf(device === undefined)("a real block device (needs loop devices)", () => {
  it("is read, written, measured both ways, and ends where it ends", async () => {
    const fs = fsWith({ readFile: (_path, _encoding, callback) => callback(hostErrorOf("ENOENT"), "") });
    for (const options of [{}, { fs }]) {
      await using backend = await openWritable(device ?? "", { ...options, truncate: true });
      expect(await backend.size()).toBe(5_000_192);
      await backend.write(5_000_190, Uint8Array.of(1, 2));
      await backend.flush();
      const target = new Uint8Array(5);
      await backend.read(0, target);
      expect(Buffer.from(target).toString()).toBe("start");
      await expect(backend.read(5_000_190, target)).rejects.toMatchObject({ code: "BACKEND_SHORT_READ" });
      await expect(backend.write(5_000_190, target)).rejects.toMatchObject({ code: "BACKEND_IO" });
    }
  });
});
