import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { expect, test } from "vitest";
import { EdgelessBackend } from "../../src/disk/edgeless-backend.js";
import { freshImage } from "../../src/image/fresh-image.js";
import { drawShape } from "../../src/plan/shape.js";
import { Random } from "../../src/random.js";

test("leaves a flush out unless it follows entries of tables, and makes good for it when asked", async () => {
  const shape = { ...drawShape(new Random(1)), version: 3, clusterBits: 9, extendedL2: false } as const;
  const image = freshImage({
    ...shape,
    size: 65_536,
    bitmaps: false,
    dataFile: undefined,
    backing: undefined,
  });
  const disk = new CrashingBackend(MemoryBackend.fromBytes(image));
  const edgeless = new EdgelessBackend(disk);
  await edgeless.write(65_536, new Uint8Array(512));
  await edgeless.flush();
  expect(disk.unflushed).toBe(1);
  // The L1 table is behind the header.
  await edgeless.write(512, new Uint8Array(8));
  await edgeless.flush();
  expect(disk.unflushed).toBe(0);
  await edgeless.write(65_536, new Uint8Array(512));
  await edgeless.flush();
  await edgeless.pay();
  expect(disk.unflushed).toBe(0);
});
