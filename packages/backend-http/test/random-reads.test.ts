import type { HttpBackend } from "@qcow/backend-http";
import { expect, it } from "vitest";
import { expectBytes, openForTest, sampleBytes } from "./open-for-test.js";
import { type Random, randomFrom, randomServer } from "./random-server.js";

const contents = sampleBytes(6 * 1024 * 1024 + 321);

/** Offsets that are near each other more often than chance would have it, so that reads overlap. */
function rangeOf(random: Random): { offset: number; length: number } {
  const most = [100, 5000, 70_000, 300_000, 2_000_000][random(5)] ?? 1;
  const offset = random(3) === 0 ? random(8) * 65_536 : random(contents.length);
  return { offset, length: Math.min(1 + random(most), contents.length - offset) };
}

async function readRandomly(backend: HttpBackend, random: Random): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    const { offset, length } = rangeOf(random);
    const target = new Uint8Array(length).fill(0xee);
    const controller = new AbortController();
    const purpose = random(3) === 0 ? "metadata" : "contents";
    const read = backend.read(offset, target, { signal: controller.signal, purpose });
    if (random(4) === 0) {
      for (let turns = random(6); turns > 0; turns -= 1)
        await new Promise((resolve) => setImmediate(resolve));
      controller.abort("enough");
    }
    const outcome = await read.then(
      () => "read",
      (reason: unknown) => reason,
    );
    if (outcome === "read") expectBytes(target, contents.subarray(offset, offset + length));
    else expect(outcome).toBe("enough");
    const after = target.slice();
    target.fill(0xdd);
    await undefined;
    // The buffer is the caller's again.
    if (!target.every((byte) => byte === 0xdd))
      throw new Error(`touched after the end: ${after.length} bytes`);
  }
}

it.each(Array.from({ length: 8 }, (_, index) => index + 1))(
  "reads the right bytes, in any order, at once, cancelled, from a server that fails at random (seed %i)",
  async (seed) => {
    const random = randomFrom(seed);
    const server = randomServer(contents, random, 6);
    const { backend } = await openForTest("http://example.org/disk", {
      fetch: server.fetch,
      tries: 50,
      idleTimeoutMs: 10 ** 9,
      openBytes: 1 + random(200_000),
      parallel: 1 + random(8),
      gapBytes: random(2) * 65_536,
      requestBytesMax: 65_536 * (1 + random(20)),
      dataCacheBytes: random(3) * 500_000,
      metadataCacheBytes: random(3) * 20_000,
      readAheadBytesMax: random(2) * 2_000_000,
    });
    await Promise.all(Array.from({ length: 8 }, () => readRandomly(backend, random)));
    await backend.close();
    expect(server.open.now).toBe(0);
  },
);
