import { describe, expect, it } from "vitest";
import type { NbdExport } from "../../src/index.js";
import { Command, ErrorNumber } from "../../src/protocol/index.js";
import { served } from "../served.js";
import { testExport } from "../test-export.js";

/** An export that has the even blocks of 4 KiB at hand. */
function evenAtHand(): { disk: NbdExport; atOnce: number[]; log: readonly string[]; bytes: Uint8Array } {
  const { bytes, log, ...disk } = testExport();
  bytes.forEach((_, at) => {
    bytes[at] = (at >> 12) ^ at;
  });
  const atOnce: number[] = [];
  const readNow = (offset: number, target: Uint8Array): boolean => {
    if (((offset >> 12) & 1) === 1) return false;
    atOnce.push(offset);
    target.set(bytes.subarray(offset, offset + target.byteLength));
    return true;
  };
  return { disk: { ...disk, readNow }, atOnce, log, bytes };
}

describe.each(["simple", "structured", "extended"] as const)(
  "reads of what is at hand, %s replies",
  (style) => {
    it("are answered among the others, each with its own bytes", async () => {
      const { disk, atOnce, log, bytes } = evenAtHand();
      const { client } = await served(disk, { style });
      const starts = new Map<bigint, number>();
      for (let start = 100; start < 64 * 4096; start += 4096)
        starts.set(await client.send(Command.read, start, 700), start);
      for (let count = 0; count < 64; count++) {
        const { cookie, data, error } = await client.reply();
        const start = starts.get(cookie) as number;
        expect(error).toBe(0);
        expect(Buffer.compare(data, bytes.subarray(start, start + 700))).toBe(0);
      }
      expect(atOnce).toHaveLength(32);
      expect(log.filter((entry) => entry === "read")).toHaveLength(32);
    });

    it("are judged as others are", async () => {
      const { disk, atOnce } = evenAtHand();
      const { client } = await served(disk, { style });
      expect((await client.request(Command.read, 1024 * 1024, 1)).error).toBe(ErrorNumber.EINVAL);
      expect((await client.request(Command.read, 0, 0)).error).toBe(0);
      expect(atOnce).toEqual([]);
    });
  },
);

it("reads of what is at hand are reported once", async () => {
  const { disk } = evenAtHand();
  const requests: unknown[] = [];
  const observer = { request: (event: unknown) => void requests.push(event) };
  const { client } = await served(disk, { style: "simple" }, { observer });
  await client.request(Command.read, 0, 512);
  await client.request(Command.read, 4096, 512);
  expect(requests).toEqual(Array(2).fill({ command: Command.read, length: 512, error: 0 }));
});
