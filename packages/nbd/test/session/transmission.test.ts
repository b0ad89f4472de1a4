import { MemoryBackend } from "@qcow/backend-memory";
import { createImage, Qcow2Image } from "@qcow/engine";
import { describe, expect, it } from "vitest";
import { AllocationFlag, imageExport } from "../../src/index.js";
import { type Chunk, Command, CommandFlag, ErrorNumber } from "../../src/protocol/index.js";
import { served } from "../served.js";

const SIZE = 8 * 1024 * 1024;

async function image(): Promise<Qcow2Image> {
  const backend = new MemoryBackend({ label: "disk.qcow2" });
  await createImage(backend, { size: SIZE });
  return await Qcow2Image.open(backend);
}

describe.each(["simple", "structured", "extended"] as const)("with %s replies", (style) => {
  const payloadFlag = style === "extended" ? CommandFlag.payloadLength : 0;

  it("writes, reads back, zeroes, trims and flushes", async () => {
    const { client } = await served(imageExport(await image()), { style });
    const payload = new Uint8Array(100_000).fill(7);
    const flags = payloadFlag | CommandFlag.fua;
    expect(await client.request(Command.write, 4096, 100_000, { flags, payload })).toMatchObject({
      error: 0,
    });
    const read = await client.request(Command.read, 4096, 100_000);
    expect(read.style).toBe(style);
    expect(Buffer.compare(read.data, payload)).toBe(0);
    expect((await client.request(Command.writeZeroes, 4096, 1000)).error).toBe(0);
    expect((await client.request(Command.trim, 65536, 1000)).error).toBe(0);
    expect((await client.request(Command.flush, 0, 0)).error).toBe(0);
    expect((await client.request(Command.cache, 0, SIZE)).error).toBe(0);
    const after = await client.request(Command.read, 0, 131_072);
    expect(after.data.indexOf(7)).toBe(5096);
    expect(after.data.subarray(65536, 66536).every((byte) => byte === 0)).toBe(true);
  });

  it("answers what makes no sense with errors, and goes on", async () => {
    const { client } = await served(imageExport(await image()), { style });
    const payload = new Uint8Array(512);
    const ask = async (...args: Parameters<typeof client.request>) => (await client.request(...args)).error;
    expect(await ask(Command.read, SIZE, 1)).toBe(ErrorNumber.EINVAL);
    expect(await ask(Command.read, 2n ** 63n, 1)).toBe(ErrorNumber.EINVAL);
    expect(await ask(Command.write, SIZE - 1, 512, { flags: payloadFlag, payload })).toBe(ErrorNumber.ENOSPC);
    expect(await ask(Command.writeZeroes, SIZE - 1, 512)).toBe(ErrorNumber.ENOSPC);
    expect(await ask(Command.trim, SIZE - 1, 512)).toBe(ErrorNumber.EINVAL);
    expect(await ask(99, 0, 0)).toBe(ErrorNumber.EINVAL);
    expect(await ask(Command.flush, 0, 0, { flags: CommandFlag.noHole })).toBe(ErrorNumber.EINVAL);
    expect(await ask(Command.blockStatus, 0, 512)).toBe(ErrorNumber.EINVAL);
    expect(await ask(Command.writeZeroes, 0, 512, { flags: CommandFlag.fastZero })).toBe(ErrorNumber.ENOTSUP);
    expect(await ask(Command.writeZeroes, 0, 65536, { flags: CommandFlag.fastZero })).toBe(0);
    expect(await ask(Command.read, 0, 0)).toBe(0);
  });
});

describe("structured replies", () => {
  it("send zeros as holes, unless the client wants one piece", async () => {
    const disk = await image();
    await disk.write(1024 * 1024, new Uint8Array(65536).fill(1));
    const { client } = await served(imageExport(disk), {});
    const reply = await client.request(Command.read, 0, 2 * 1024 * 1024);
    expect(reply.chunks.map(({ kind }) => kind)).toEqual(["hole", "data", "hole"]);
    expect(reply.data.indexOf(1)).toBe(1024 * 1024);
    const whole = await client.request(Command.read, 0, 2 * 1024 * 1024, { flags: CommandFlag.dontFragment });
    expect(whole.chunks.map(({ kind }) => kind)).toEqual(["data"]);
    expect(Buffer.compare(whole.data, reply.data)).toBe(0);
  });

  it.each(["structured", "extended"] as const)("tell the status of ranges (%s)", async (style) => {
    const disk = await image();
    await disk.write(65536, new Uint8Array(65536).fill(1));
    const contexts = ["base:allocation", "qemu:allocation-depth"];
    const { client } = await served(imageExport(disk), { style, contexts });
    const hole = BigInt(AllocationFlag.hole | AllocationFlag.zero);
    const all = await client.request(Command.blockStatus, 0, 1024 * 1024);
    expect(all.chunks).toEqual([
      {
        kind: "status",
        contextId: 0,
        extents: [
          { length: 65536n, flags: hole },
          { length: 65536n, flags: 0n },
          { length: 917_504n, flags: hole },
        ],
      },
      {
        kind: "status",
        contextId: 1,
        extents: [
          { length: 65536n, flags: 0n },
          { length: 65536n, flags: 1n },
          { length: 917_504n, flags: 0n },
        ],
      },
    ]);
    const one = await client.request(Command.blockStatus, 131_072, SIZE - 131_072, {
      flags: CommandFlag.oneExtent,
    });
    expect(one.chunks[0]).toMatchObject({ extents: [{ length: BigInt(SIZE - 131_072), flags: hole }] });
  });

  it("tell which layer has a range, and call zeros behind a short layer its own", async () => {
    const MIB = 1024 * 1024;
    const base = new MemoryBackend({ label: "base.qcow2" });
    await createImage(base, { size: 2 * MIB });
    const below = await Qcow2Image.open(base);
    await below.write(MIB, new Uint8Array(MIB).fill(1));
    await below.close();
    const backend = new MemoryBackend({ label: "disk.qcow2" });
    await createImage(backend, { size: 4 * MIB, backingFile: { name: "base.qcow2", format: "qcow2" } });
    const disk = await Qcow2Image.open(backend, {
      openReference: async () => ({ backend: base, trusted: true }),
    });
    await disk.write(3 * MIB, new Uint8Array(65536).fill(2));
    const { client } = await served(imageExport(disk), { contexts: ["qemu:allocation-depth"] });
    const { chunks } = await client.request(Command.blockStatus, 0, 4 * MIB);
    const extents = (chunks[0] as Extract<Chunk, { kind: "status" }>).extents;
    expect(extents.map(({ length, flags }) => [Number(length), Number(flags)])).toEqual([
      [MIB, 0],
      [2 * MIB, 2],
      [65536, 1],
      [MIB - 65536, 2],
    ]);
  });
});
