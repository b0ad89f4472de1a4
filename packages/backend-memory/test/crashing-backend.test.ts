import { CrashingBackend, type HeldOperation, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, it } from "vitest";

/** The same bits for the same seed. */
function bitsOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 15)) >>> 0;
  };
}

/** What `crashes` crashes leave, each described by `describeDisk`, in which order they come does not matter. */
function outcomes(
  backend: CrashingBackend,
  describeDisk: (disk: MemoryBackend) => string,
  crashes = 2000,
): Set<string> {
  const bits = bitsOf(7);
  return new Set(Array.from({ length: crashes }, () => describeDisk(backend.crash(bits))));
}

const sectors = (disk: MemoryBackend): string => {
  const bytes = disk.toBytes();
  let text = "";
  for (let at = 0; at < bytes.length; at += 512) {
    const piece = new Set(bytes.subarray(at, at + 512));
    expect(piece.size).toBe(1);
    text += [...piece].join();
  }
  return text;
};

const filled = (sectorCount: number, value: number): Uint8Array =>
  new Uint8Array(sectorCount * 512).fill(value);

/** A backend that starts with sectors of zeros. */
const start = (sectorCount: number, hold?: (operation: HeldOperation) => Promise<void>): CrashingBackend =>
  new CrashingBackend(new MemoryBackend({ size: sectorCount * 512 }), { hold });

describe("CrashingBackend", () => {
  it("keeps what was flushed, and of the rest any subset of sectors", async () => {
    const backend = start(3);
    await backend.write(0, filled(3, 1));
    await backend.flush();
    expect(outcomes(backend, sectors)).toEqual(new Set(["111"]));
    await backend.write(0, filled(3, 2));
    expect(backend.unflushed).toBe(1);
    expect(outcomes(backend, sectors)).toEqual(
      new Set(["111", "112", "121", "122", "211", "212", "221", "222"]),
    );
    expect(sectors(backend.snapshot())).toBe("222");
  });

  it("lets writes come out in any order: a later one may be there without an earlier one", async () => {
    const backend = start(2);
    await backend.write(0, filled(1, 1));
    await backend.write(512, filled(1, 2));
    expect(outcomes(backend, sectors)).toEqual(new Set(["00", "10", "02", "12"]));
  });

  it("lets any version of a sector be found", async () => {
    const backend = start(1);
    for (const value of [1, 2, 3]) await backend.write(0, filled(1, value));
    expect(outcomes(backend, sectors)).toEqual(new Set(["0", "1", "2", "3"]));
  });

  it("tears at multiples of 512 bytes of the disk, wherever the write begins", async () => {
    const backend = start(2);
    await backend.write(300, new Uint8Array(512).fill(1));
    const parts = (disk: MemoryBackend): string => {
      const bytes = disk.toBytes();
      return [299, 300, 511, 512, 811, 812].map((at) => bytes[at]).join("");
    };
    expect(outcomes(backend, parts)).toEqual(new Set(["000000", "011000", "000110", "011110"]));
  });

  it("may or may not have cut, lengthened, or given up a range", async () => {
    const backend = start(2);
    await backend.write(0, filled(2, 1));
    await backend.flush();
    await backend.resize(512);
    await backend.resize(1024);
    expect(outcomes(backend, sectors)).toEqual(new Set(["11", "1", "10"]));
    await backend.flush();
    await backend.discard(0, 1024);
    expect(outcomes(backend, sectors)).toEqual(new Set(["10", "00"]));
    await backend.flush();
    await backend.allocate(1024, 512);
    expect(outcomes(backend, sectors)).toEqual(new Set(["00", "000"]));
  });

  it("may have the length that a write gave it without its bytes", async () => {
    const backend = start(1);
    await backend.write(512, filled(2, 1));
    expect(outcomes(backend, sectors)).toEqual(new Set(["0", "01", "011", "001", "010", "000"]));
  });

  it("covers with a flush what was done before the call, and nothing that was under way", async () => {
    const held: (() => void)[] = [];
    const backend = start(3, () => new Promise((resolve) => held.push(resolve)));
    const first = backend.write(0, filled(1, 1));
    held.shift()?.();
    await first;
    const second = backend.write(512, filled(1, 2));
    const flush = backend.flush();
    expect(outcomes(backend, sectors)).toEqual(new Set(["000", "100", "020", "120"]));
    const third = backend.write(1024, filled(1, 3));
    held[0]?.();
    await second;
    held[1]?.();
    await flush;
    expect(outcomes(backend, sectors)).toEqual(new Set(["100", "120", "103", "123"]));
    held[2]?.();
    await third;
    expect(backend.unflushed).toBe(2);
  });

  it("holds operations back, in the order that the holder wants, and fails with it", async () => {
    const held = new Map<string, (reason?: Error) => void>();
    const backend = start(1, ({ kind, offset, length }) => {
      return new Promise((resolve, reject) => {
        held.set(`${kind} ${offset}+${length}`, (reason) => (reason ? reject(reason) : resolve()));
      });
    });
    const one = backend.write(0, filled(1, 1));
    const two = backend.write(0, filled(1, 2).subarray(0, 256));
    const three = backend.resize(9);
    expect([...held.keys()]).toEqual(["write 0+512", "write 0+256", "resize 9+0"]);
    held.get("write 0+256")?.();
    await two;
    held.get("write 0+512")?.();
    await one;
    held.get("resize 9+0")?.(new Error("no"));
    await expect(three).rejects.toThrow("no");
    expect(sectors(backend.snapshot())).toBe("1");
    expect(backend.unflushed).toBe(2);
  });

  it("gives the same disk for the same bits", async () => {
    const backend = start(64);
    for (let at = 0; at < 60; at += 3) await backend.write(at * 512, filled(4, at + 1));
    for (let seed = 0; seed < 50; seed++) {
      expect(sectors(backend.crash(bitsOf(seed)))).toBe(sectors(backend.crash(bitsOf(seed))));
    }
  });

  it("crashes into disks that share nothing that either changes", async () => {
    const backend = start(1);
    await backend.write(0, filled(1, 1));
    await backend.flush();
    const found = backend.crash(bitsOf(1));
    await found.write(0, filled(1, 9));
    await backend.write(0, filled(1, 2));
    expect(sectors(found)).toBe("9");
    expect(sectors(backend.snapshot())).toBe("2");
    expect(outcomes(backend, sectors)).toEqual(new Set(["1", "2"]));
  });
});
