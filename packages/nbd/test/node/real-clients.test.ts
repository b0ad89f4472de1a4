// What real clients make of an image that is served over a Unix socket.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeCompression, openReadable, openWritable, systemClock } from "@qcow/backend-node";
import { checkImage, createImage, Qcow2Image } from "@qcow/engine";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { imageExport, NbdServer } from "../../src/index.js";
import { type Listener, listen } from "../../src/node/index.js";
import { outputOf, skips } from "../tools.js";

const MIB = 1024 * 1024;
const SIZE = 32 * MIB;

let folder: string;
let image: Qcow2Image;
let server: NbdServer;
let listener: Listener;
let failures: unknown[];
const path = (name: string) => join(folder, name);
const uri = () => listener.uri as string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "qcow-nbd-"));
  const backend = await openWritable(path("disk.qcow2"), { create: true });
  await createImage(backend, { size: SIZE });
  image = await Qcow2Image.open(backend, { compression: nodeCompression() });
  await image.write(MIB, new Uint8Array(300_000).fill(0x55));
  await image.write(20 * MIB, new Uint8Array(65536).fill(0x66));
  failures = [];
  server = new NbdServer({
    exports: new Map([["disk", imageExport(image, { description: "a disk for tests" })]]),
    time: systemClock,
    observer: { exportFailed: ({ error }) => failures.push(error) },
  });
  listener = await listen(server, { path: path("socket") });
});

/** Whether everything ended in peace, and the image is sound. */
afterEach(async () => {
  await listener.close();
  await server.close();
  await image.close();
  const backend = await openReadable(path("disk.qcow2"));
  const { corruptions, leaks } = await checkImage(backend);
  await backend.close();
  await rm(folder, { recursive: true });
  expect({ failures, corruptions, leaks }).toEqual({ failures: [], corruptions: 0, leaks: 0 });
});

async function contents(): Promise<Buffer> {
  const bytes = Buffer.alloc(SIZE);
  await image.read(0, bytes);
  return bytes;
}

function noise(): Buffer {
  const bytes = Buffer.alloc(SIZE);
  for (let at = 0; at < SIZE; at += 4) {
    if (at % (3 * MIB) < 2 * MIB) bytes.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
  }
  return bytes;
}

describe.skipIf(skips("qemu-img"))("qemu-img (needs qemu-img)", () => {
  it("shows the size and the map", async () => {
    const info = JSON.parse(await outputOf("qemu-img", "info", "--output=json", uri()));
    expect(info).toMatchObject({ format: "raw", "virtual-size": SIZE });
    const map = JSON.parse(await outputOf("qemu-img", "map", "--output=json", uri()));
    const data = map.filter((extent: { data: boolean }) => extent.data);
    expect(data.map(({ start, length }: { start: number; length: number }) => [start, length])).toEqual([
      [MIB, 5 * 65536],
      [20 * MIB, 65536],
    ]);
  });

  it("copies the disk out and in, and finds no difference", async () => {
    await outputOf("qemu-img", "convert", "-O", "raw", uri(), path("out.raw"));
    expect((await readFile(path("out.raw"))).equals(await contents())).toBe(true);
    await writeFile(path("in.raw"), noise());
    await outputOf("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", path("in.raw"), uri());
    expect((await contents()).equals(noise())).toBe(true);
    const verdict = await outputOf("qemu-img", "compare", "-f", "raw", "-F", "raw", path("in.raw"), uri());
    expect(verdict).toContain("identical");
  });
});

describe.skipIf(skips("qemu-io"))("qemu-io (needs qemu-io)", () => {
  it("writes with FUA, zeroes, discards, flushes and reads", async () => {
    const commands = [
      "write -P 5 4M 2M",
      "write -f -P 6 8M 64k",
      "write -z 4M 64k",
      "write -z -u 4160k 64k",
      "discard 5M 64k",
      "flush",
      "read -P 6 8M 64k",
      "read -P 0 4M 128k",
      "read -P 0 5M 64k",
      "read -P 5 5184k 512k",
      "aio_write -P 9 10M 1M",
      "aio_write -P 9 11M 1M",
      "aio_flush",
      "read -P 9 10M 2M",
    ];
    const output = await outputOf("qemu-io", "-f", "raw", ...commands.flatMap((each) => ["-c", each]), uri());
    expect(output).not.toMatch(/failed|error/i);
    expect((await contents()).subarray(8 * MIB, 8 * MIB + 65536).every((byte) => byte === 6)).toBe(true);
  });
});

describe.skipIf(skips("nbdinfo"))("nbdinfo (needs nbdinfo)", () => {
  it("lists the export, what it can do and its contexts", async () => {
    const { exports } = JSON.parse(await outputOf("nbdinfo", "--list", "--json", uri()));
    expect(exports).toMatchObject([
      {
        "export-name": "disk",
        "export-size": SIZE,
        contexts: ["base:allocation", "qemu:allocation-depth"],
        is_read_only: false,
        can_multi_conn: true,
        can_fast_zero: true,
        can_df: true,
        can_fua: true,
        block_size_preferred: 65536,
      },
    ]);
    const one = JSON.parse(await outputOf("nbdinfo", "--json", uri()));
    expect(one.exports[0]).toMatchObject({ description: "a disk for tests" });
  });

  it.each(["base:allocation", "qemu:allocation-depth"])("maps by %s", async (context) => {
    const hole = context === "base:allocation" ? 3 : 0;
    const data = context === "base:allocation" ? 0 : 1;
    const map = JSON.parse(await outputOf("nbdinfo", `--map=${context}`, "--json", uri()));
    const extents = map.map((each: { offset: number; length: number; type: number }) => Object.values(each));
    expect(extents.map((values: unknown[]) => values.slice(0, 3))).toEqual([
      [0, MIB, hole],
      [MIB, 5 * 65536, data],
      [MIB + 5 * 65536, 19 * MIB - 5 * 65536, hole],
      [20 * MIB, 65536, data],
      [20 * MIB + 65536, 12 * MIB - 65536, hole],
    ]);
  });
});

describe.skipIf(skips("nbdcopy"))("nbdcopy (needs nbdcopy)", () => {
  it("copies in and out over four connections", async () => {
    await writeFile(path("in.raw"), noise());
    await outputOf("nbdcopy", "--connections=4", path("in.raw"), uri());
    expect((await contents()).equals(noise())).toBe(true);
    await outputOf("nbdcopy", "--connections=4", uri(), path("out.raw"));
    expect((await readFile(path("out.raw"))).equals(noise())).toBe(true);
  });
});

describe.skipIf(skips("fio"))("fio (needs fio)", () => {
  it("writes at random and deep, and reads back what it wrote", async () => {
    const job = [
      "--rw=randwrite",
      "--bsrange=512-64k",
      "--size=16M",
      "--iodepth=32",
      "--verify=crc32c",
      "--verify_state_save=0",
    ];
    const options = ["--name=nbd", "--ioengine=nbd", `--uri=${uri()}`, ...job, "--output-format=json"];
    const output = await outputOf("fio", ...options);
    // Before that it says that it is connected.
    const { jobs } = JSON.parse(output.slice(output.indexOf("{")));
    expect(jobs).toMatchObject([{ error: 0, write: { io_bytes: 16 * MIB }, read: { io_bytes: 16 * MIB } }]);
  });
});
