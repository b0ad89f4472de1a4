// `qcow serve` as its users have it: what it prints, who may do what, and how it ends.

import { existsSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { Folder } from "../process/folder.js";
import { isCleanForQemu, skipsQemu } from "../process/qemu.js";
import { filled, tinyImage } from "../process/tiny-image.js";
import { outputOf, qemuIo, Serving, skips } from "./serving.js";

const folder = new Folder("serve");
const start = (...args: string[]) => Serving.start(folder.path, args);

beforeEach(async () => {
  folder.put("tiny.qcow2", tinyImage({ clusters: new Map([[0, filled(7)]]) }));
  await folder.json("create", "disk.qcow2", "--size", "16M");
});

describe("what it prints", () => {
  it("is the address, on stdout, and a signal ends it with 0", async () => {
    await using server = await start("tiny.qcow2", "--port", "0");
    expect(server.uri).toMatch(/^nbd:\/\/127\.0\.0\.1:\d+$/);
    expect(await server.end("SIGINT")).toEqual({ exitCode: 0, stdout: `${server.uri}\n`, stderr: "" });
  });

  it("is one document with --json", async () => {
    await using server = await start("tiny.qcow2", "--socket", "s", "--json");
    const { exitCode, stdout } = await server.end();
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      socket: folder.at("s"),
      pid: server.child.pid,
      exports: [
        {
          name: "",
          filename: "tiny.qcow2",
          uri: `nbd+unix:///?socket=${folder.at("s")}`,
          "virtual-size": 65536,
          "read-only": true,
          bitmaps: [],
        },
      ],
    });
    expect(existsSync(folder.at("s"))).toBe(false);
  });

  it("is a line for each of several exports", async () => {
    await using server = await start("tiny.qcow2", "web=disk.qcow2", "--socket", "s");
    const socket = folder.at("s");
    expect(server.lines).toEqual([
      `nbd+unix:///tiny.qcow2?socket=${socket}`,
      `nbd+unix:///web?socket=${socket}`,
    ]);
  });
});

describe.skipIf(skipsQemu || skips("qemu-io"))("writing (needs qemu-io)", () => {
  it("is refused without --rw, and the file stays as it is", async () => {
    const before = folder.get("disk.qcow2");
    await using server = await start("disk.qcow2", "--socket", "s");
    await expect(qemuIo(server.uri, "write 0 64k")).rejects.toThrow(/Permission denied/);
    await server.end();
    expect(folder.get("disk.qcow2").equals(before)).toBe(true);
  });

  it("is durable after a flush, and the image is clean after SIGTERM", async () => {
    await using server = await start("disk.qcow2", "--socket", "s", "--rw");
    expect(await qemuIo(server.uri, "write -P 5 1M 64k", "flush", "write -P 6 2M 64k")).not.toMatch(/fail/);
    expect(await server.end()).toMatchObject({ exitCode: 0, stderr: "" });
    expect(isCleanForQemu(folder.path, "disk.qcow2")).toBe(true);
    const disk = await folder.disk("disk.qcow2");
    expect(disk.subarray(2 ** 20, 2 ** 20 + 65536).every((byte) => byte === 5)).toBe(true);
    expect(disk.subarray(2 ** 21, 2 ** 21 + 65536).every((byte) => byte === 6)).toBe(true);
  });

  it("leaves an image with every flushed byte when the server is killed", async () => {
    await using server = await start("disk.qcow2", "--socket", "s", "--rw", "--discard");
    await qemuIo(server.uri, "write -P 5 0 4M", "discard 1M 1M", "flush", "write -P 6 8M 64k");
    await server.end("SIGKILL");
    const disk = await folder.disk("disk.qcow2");
    expect(disk.subarray(0, 2 ** 20).every((byte) => byte === 5)).toBe(true);
    // Opening it for writing mends the refcounts that were put off.
    await using again = await start("disk.qcow2", "--socket", "s", "--rw");
    await again.end();
    expect(isCleanForQemu(folder.path, "disk.qcow2")).toBe(true);
  });

  it("locks the image against everybody else", async () => {
    await using _server = await start("disk.qcow2", "--socket", "s", "--rw");
    await expect(start("disk.qcow2", "--socket", "t", "--rw")).rejects.toThrow("(BACKEND_LOCKED)");
    await expect(outputOf("qemu-io", "-c", "write 0 512", folder.at("disk.qcow2"))).rejects.toThrow(/lock/);
  });

  it.each([
    [true, 0],
    [false, 3],
  ])("gives trimmed space up with --discard: %s", async (discards, clusters) => {
    await using server = await start(
      "disk.qcow2",
      "--socket",
      "s",
      "--rw",
      ...(discards ? ["--discard"] : []),
    );
    await qemuIo(server.uri, "write 0 192k", "discard 0 192k");
    await server.end();
    const map = (await folder.json("map", "disk.qcow2")) as { data: boolean; length: number }[];
    const stored = map.filter(({ data }) => data).reduce((sum, { length }) => sum + length, 0);
    expect(stored).toBe(clusters * 65536);
  });
});
