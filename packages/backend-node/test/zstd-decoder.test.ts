import { Transform } from "node:stream";
import { describe, expect, it } from "vitest";
import { ZstdDecoders } from "../src/zstd-decoder.js";

/** Yields each byte of its input as often as the byte says; a 255 is a damaged frame. */
class Repeater extends Transform {
  static made = 0;

  constructor() {
    super();
    Repeater.made++;
  }

  override _transform(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    const damaged = chunk.includes(255);
    if (!damaged) for (const byte of chunk) this.push(new Uint8Array(byte).fill(byte));
    done(damaged ? new Error("damaged") : undefined);
  }
}

function repeaters(): ZstdDecoders {
  Repeater.made = 0;
  return new ZstdDecoders(() => new Repeater());
}

describe("zstd decoders", () => {
  it("take frame after frame, and are made once", async () => {
    const decoders = repeaters();
    for (let round = 0; round < 5; round++) {
      expect(await decoders.decode(Uint8Array.of(1, 2), 3)).toEqual(Uint8Array.of(1, 2, 2));
    }
    expect(Repeater.made).toBe(1);
  });

  it("are not used again after a damaged frame", async () => {
    const decoders = repeaters();
    await expect(decoders.decode(Uint8Array.of(2, 255), 3)).rejects.toThrow("damaged");
    expect(await decoders.decode(Uint8Array.of(3), 3)).toEqual(Uint8Array.of(3, 3, 3));
    expect(Repeater.made).toBe(2);
  });

  it("are not used again after a frame that yields too much", async () => {
    const decoders = repeaters();
    await expect(decoders.decode(Uint8Array.of(4), 3)).rejects.toMatchObject({
      code: "ERR_BUFFER_TOO_LARGE",
    });
    expect(await decoders.decode(Uint8Array.of(3), 3)).toHaveLength(3);
    expect(Repeater.made).toBe(2);
  });

  it("hand out what a short frame yields, and are not used again", async () => {
    const decoders = repeaters();
    expect(await decoders.decode(Uint8Array.of(2), 3)).toEqual(Uint8Array.of(2, 2));
    await decoders.decode(Uint8Array.of(3), 3);
    expect(Repeater.made).toBe(2);
  });

  it("serve frames that come at the same time", async () => {
    const decoders = repeaters();
    const frames = Array.from({ length: 9 }, (_, index) => index + 1);
    const results = await Promise.all(frames.map((byte) => decoders.decode(Uint8Array.of(byte), byte)));
    expect(results.map((bytes) => bytes.length)).toEqual(frames);
  });
});
