// Pieces of tables become few writes.

import { CrashingBackend, FaultyBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { joinPieces, writeAll, writePieces } from "../../src/commit/write-pieces.js";
import { Gate, settle } from "../write/gates.js";

function piece(offset: number, length: number, value = offset / 512) {
  return { offset, bytes: new Uint8Array(length).fill(value) };
}

describe("pieces", () => {
  test("that follow each other are joined, in any order given, up to 2 MiB", () => {
    const joined = joinPieces([piece(1024, 512), piece(4096, 512), piece(0, 512), piece(512, 512)]);
    expect(joined.map(({ offset, bytes }) => [offset, bytes.byteLength])).toEqual([
      [0, 1536],
      [4096, 512],
    ]);
    expect([0, 512, 1024].map((at) => joined[0]?.bytes[at])).toEqual([0, 1, 2]);
    const large = joinPieces([piece(0, 2 ** 20), piece(2 ** 20, 2 ** 20), piece(2 ** 21, 2 ** 20)]);
    expect(large.map(({ bytes }) => bytes.byteLength)).toEqual([2 ** 21, 2 ** 20]);
    expect(joinPieces([])).toEqual([]);
  });

  test("are written at most eight at once", async () => {
    const gate = new Gate();
    const backend = new CrashingBackend(new MemoryBackend({ size: 2 ** 20 }), { hold: gate.hold });
    gate.shut("write");
    const writing = writePieces(
      backend,
      Array.from({ length: 30 }, (_, at) => piece(at * 8192, 512, at + 1)),
    );
    await settle();
    expect(gate.waiting).toHaveLength(8);
    gate.open();
    await writing;
    expect(backend.snapshot().toBytes(29 * 8192, 1)[0]).toBe(30);
  });

  test("of which one cannot be written reject once nothing is under way any more", async () => {
    const gate = new Gate();
    const disk = new CrashingBackend(new MemoryBackend({ size: 2 ** 20 }), { hold: gate.hold });
    const faulty = new FaultyBackend(disk, {
      faults: [{ operation: "write", nth: 2, effect: { kind: "fail" } }],
    });
    gate.shut("write");
    let settled = false;
    const writing = writeAll(
      faulty,
      Array.from({ length: 30 }, (_, at) => piece(at * 8192, 512)),
    ).finally(() => {
      settled = true;
    });
    const failed = expect(writing).rejects.toMatchObject({ code: "BACKEND_IO" });
    await settle();
    expect(settled).toBe(false);
    gate.open();
    await failed;
    expect(faulty.counts.write).toBeLessThan(30);
  });
});
