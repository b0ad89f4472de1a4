// The header of an image that is being changed: what is written, and what stays as it was.

import { CrashingBackend, FaultyBackend, type MemoryBackend } from "@qcow/backend-memory";
import { encodeHeader } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { readHead } from "../../src/read-head.js";
import { HeaderStore } from "../../src/tables/header-store.js";
import { expectBytes } from "../expect-disk.js";
import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import { Gate, settle } from "../write/gates.js";

async function build(options: Partial<ImageOptions> = {}): Promise<MemoryBackend> {
  return (await new ImageBuilder({ size: 2 ** 20, ...options }).build()).backend;
}

async function storeOf(backend: MemoryBackend | CrashingBackend | FaultyBackend): Promise<HeaderStore> {
  return new HeaderStore(backend, (await readHead(backend)).header);
}

const DIRTY = 1n;
const CORRUPT = 2n;

describe("the header", () => {
  test("is changed in the fields that change, and nowhere else: extensions, names and unknown fields stay", async () => {
    const backend = await build({
      backing: { name: "below", format: "raw" },
      extensions: [{ type: "unknown", magic: 0x1234_5678, data: new Uint8Array(20).fill(7) }],
      header: { headerLength: 128, unknownFields: new Uint8Array(16).fill(0xaa), compatibleFeatures: 0xf0n },
    });
    const before = backend.toBytes();
    const store = await storeOf(backend);
    await store.update({ size: 2n ** 21n, l1Size: 9 });
    await store.setDirty(true);
    const after = backend.toBytes();
    const view = new DataView(after.buffer);
    expect([view.getBigUint64(24), view.getUint32(36), view.getBigUint64(72)]).toEqual([2n ** 21n, 9, DIRTY]);
    view.setBigUint64(24, 2n ** 20n);
    view.setUint32(36, 1);
    view.setBigUint64(72, 0n);
    expectBytes(after, before, "everything else");
  });

  test("is one write within the first sector, so that it is old or new after a power loss", async () => {
    const backend = await build({ header: { headerLength: 1024, unknownFields: new Uint8Array(912) } });
    const gate = new Gate();
    gate.shut("write");
    const held = new CrashingBackend(backend, { hold: gate.hold });
    const updating = (await storeOf(held)).update({ size: 512n });
    await settle();
    expect(gate.waiting).toEqual([expect.objectContaining({ kind: "write", offset: 0, length: 512 })]);
    gate.open();
    await updating;
  });

  test("of version 2 has 72 bytes, and stays so (D11)", async () => {
    const backend = await build({ version: 2 });
    const before = backend.toBytes();
    const store = await storeOf(backend);
    await store.setCorrupt();
    expect(store.isCorrupt).toBe(true);
    expectBytes(backend.toBytes(), before, "the file");
    await store.update({ size: 512n });
    expectBytes(backend.toBytes(72), before.subarray(72), "what follows the header");
  });

  test("keeps both of two changes that are made at once", async () => {
    const gate = new Gate();
    const backend = new CrashingBackend(await build(), { hold: gate.hold });
    const store = await storeOf(backend);
    gate.shut("write");
    const changes = [store.setDirty(true), store.setCorrupt(), store.update({ size: 1024n })];
    await settle();
    gate.open();
    await Promise.all(changes);
    const { header } = await readHead(backend);
    expect(header).toMatchObject({ incompatibleFeatures: DIRTY | CORRUPT, size: 1024n });
    expect(header).toEqual(store.header);
  });

  test("counts as it was when it could not be written", async () => {
    const faulty = new FaultyBackend(await build(), {
      faults: [{ operation: "write", nth: 1, effect: { kind: "fail" } }],
    });
    const store = await storeOf(faulty);
    const before = encodeHeader(store.header);
    await expect(store.setDirty(true)).rejects.toMatchObject({ code: "BACKEND_IO" });
    expect(store.isDirty).toBe(false);
    expect(encodeHeader(store.header)).toEqual(before);
    await store.setDirty(true);
    expect(store.isDirty).toBe(true);
  });

  test("is not written when nothing changes", async () => {
    const faulty = new FaultyBackend(await build());
    const store = await storeOf(faulty);
    await store.setDirty(false);
    expect(faulty.counts.write).toBe(0);
  });
});
