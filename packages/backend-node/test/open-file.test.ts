import { execFileSync, spawnSync } from "node:child_process";
import * as nodeFs from "node:fs";
import { createServer } from "node:net";
import { openReadable, openWritable } from "@qcow/backend-node";
import { isWritable } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { fsWith, hostErrorOf, realFs } from "./fake-file-system.js";
import { scratch } from "./scratch.js";

const hasMkfifo = spawnSync("mkfifo", ["--version"]).error === undefined;

const pathTo = scratch();

function fileOf(contents: string): string {
  const path = pathTo();
  nodeFs.writeFileSync(path, contents);
  return path;
}

/** node:fs that fails the test when anything is opened. */
const neverOpens = fsWith({
  open: () => {
    throw new Error("opened");
  },
});

describe("opening what is no block storage", () => {
  const refused = async (path: string, kind: string) => {
    const expected = { code: "BACKEND_UNSUITABLE", label: path, message: expect.stringContaining(kind) };
    await expect(openReadable(path, { fs: neverOpens })).rejects.toMatchObject(expected);
    await expect(openWritable(path, { fs: neverOpens, create: true, truncate: true })).rejects.toMatchObject(
      expected,
    );
  };

  it("refuses a directory without opening it", () => refused(nodeFs.mkdtempSync(pathTo()), "a directory"));

  it.skipIf(!hasMkfifo)("refuses a fifo without opening it (needs mkfifo)", async () => {
    const path = pathTo("fifo");
    execFileSync("mkfifo", [path]);
    await refused(path, "a fifo");
  });

  it.skipIf(process.platform === "win32")("refuses a character device without opening it", () =>
    refused("/dev/zero", "a character device"),
  );

  it.skipIf(process.platform === "win32")("refuses a socket without opening it", async () => {
    const path = pathTo("socket");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      await refused(path, "a socket");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it.skipIf(!hasMkfifo)("refuses a fifo that took a file's place, and closes it (needs mkfifo)", async () => {
    const fifo = pathTo("fifo");
    execFileSync("mkfifo", [fifo]);
    const closed: number[] = [];
    const fs = fsWith({
      stat: (_path, options, callback) => realFs.stat(fileOf("x"), options, callback),
      close: (fd, callback) => {
        closed.push(fd);
        realFs.close(fd, callback);
      },
    });
    for (const open of [openReadable, openWritable]) {
      await expect(open(fifo, { fs })).rejects.toMatchObject({ code: "BACKEND_UNSUITABLE" });
    }
    expect(closed.length).toBe(2);
  });
});

describe("openReadable", () => {
  it("opens for reading only, and leaves the file as it was", async () => {
    const path = fileOf("contents");
    nodeFs.chmodSync(path, 0o444);
    nodeFs.utimesSync(path, 1000, 1000);
    const flags: number[] = [];
    const fs = fsWith({
      open: (name, flag, mode, callback) => {
        flags.push(flag);
        realFs.open(name, flag, mode, callback);
      },
    });
    const backend = await openReadable(path, { fs });
    await backend.read(0, new Uint8Array(8));
    await backend.close();
    expect(flags.map((flag) => flag & (nodeFs.constants.O_WRONLY | nodeFs.constants.O_RDWR))).toEqual([0]);
    expect(nodeFs.statSync(path).mtimeMs).toBe(1_000_000);
    expect(isWritable(backend)).toBe(false);
  });

  it("is called by the path as it was given", async () => {
    const path = fileOf("");
    await using backend = await openReadable(path);
    expect(backend.label).toBe(path);
  });

  it("has one identity for one file under all its names, and different ones for different files", async () => {
    const path = fileOf("same");
    const [hard, soft] = [pathTo("hard"), pathTo("soft")];
    nodeFs.linkSync(path, hard);
    nodeFs.symlinkSync(path, soft);
    const identities: (string | undefined)[] = [];
    for (const name of [path, hard, soft, fileOf("same")]) {
      await using backend = await openReadable(name);
      identities.push(backend.identity);
    }
    expect(new Set(identities.slice(0, 3)).size).toBe(1);
    expect(identities[3]).not.toBe(identities[0]);
    expect(identities[0]).toMatch(/^\d+:\d+$/);
  });

  it("sees what another process appends", async () => {
    const path = fileOf("1234");
    await using backend = await openReadable(path);
    nodeFs.appendFileSync(path, "5678");
    expect(await backend.size()).toBe(8);
    const target = new Uint8Array(8);
    await backend.read(0, target);
    expect(Buffer.from(target).toString()).toBe("12345678");
  });

  it.each([
    ["ENOENT", "BACKEND_NOT_FOUND", "no such file or directory"],
    ["ENOTDIR", "BACKEND_NOT_FOUND", "a part of the path is not a directory"],
    ["EACCES", "BACKEND_PERMISSION", "permission denied"],
    ["EPERM", "BACKEND_PERMISSION", "operation not permitted"],
    ["EROFS", "BACKEND_PERMISSION", "read-only file system"],
    ["EISDIR", "BACKEND_UNSUITABLE", "is a directory"],
    ["EMFILE", "BACKEND_IO", "too many open files"],
    ["ESTRANGE", "BACKEND_IO", "ESTRANGE"],
  ])("turns %s into %s, in one line with path and reason", async (host, code, reason) => {
    const cause = hostErrorOf(host);
    const fs = fsWith({ open: (_path, _flags, _mode, callback) => callback(cause, -1) });
    const path = fileOf("");
    const message = `cannot open ${path}: ${reason}`;
    await expect(openReadable(path, { fs })).rejects.toMatchObject({ code, message, label: path, cause });
  });

  it("finds nothing where there is nothing, whatever the name", async () => {
    for (const path of [pathTo("absent"), `${fileOf("")}/below`, "a\0b", ""]) {
      await expect(openReadable(path)).rejects.toMatchObject({ code: "BACKEND_NOT_FOUND" });
    }
    await expect(openReadable("no\nsuch")).rejects.toMatchObject({
      message: "cannot open no\\x0asuch: no such file or directory",
    });
  });

  it("opens nothing when it was cancelled before", async () => {
    const signal = AbortSignal.abort();
    await expect(openReadable(fileOf(""), { fs: neverOpens, signal })).rejects.toBe(signal.reason);
    await expect(openWritable(pathTo(), { fs: neverOpens, create: true, signal })).rejects.toBe(
      signal.reason,
    );
  });
});

describe("openWritable", () => {
  it("does not make a file unless it is told to", async () => {
    const path = pathTo("absent");
    await expect(openWritable(path)).rejects.toMatchObject({ code: "BACKEND_NOT_FOUND" });
    expect(nodeFs.existsSync(path)).toBe(false);
    await (await openWritable(path, { create: true })).close();
    expect(nodeFs.readFileSync(path).length).toBe(0);
  });

  it("keeps what a file holds, unless it is to be truncated", async () => {
    const path = fileOf("contents");
    await (await openWritable(path, { create: true })).close();
    expect(nodeFs.readFileSync(path, "utf8")).toBe("contents");
    await (await openWritable(path, { truncate: true })).close();
    expect(nodeFs.readFileSync(path, "utf8")).toBe("");
  });

  it("makes a new file exclusively, or says that there is one", async () => {
    const path = pathTo("new");
    await (await openWritable(path, { exclusive: true })).close();
    for (const taken of [path, nodeFs.mkdtempSync(pathTo())]) {
      await expect(openWritable(taken, { exclusive: true })).rejects.toMatchObject({
        code: "BACKEND_EXISTS",
      });
    }
  });

  it("closes the file again when truncating fails", async () => {
    let closed = 0;
    const fs = fsWith({
      ftruncate: (_fd, _length, callback) => callback(hostErrorOf("EIO")),
      close: (fd, callback) => {
        closed += 1;
        realFs.close(fd, callback);
      },
    });
    await expect(openWritable(fileOf("x"), { fs, truncate: true })).rejects.toMatchObject({
      code: "BACKEND_IO",
    });
    expect(closed).toBe(1);
  });
});
