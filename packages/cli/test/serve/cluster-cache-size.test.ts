import { expect, it } from "vitest";
import { defaultClusterCacheBytes } from "../../src/serve/cluster-cache-size.js";

const MIB = 1024 * 1024;

it.each([
  { available: 100 * 1024 * MIB, images: 1, mib: 1024 },
  { available: 100 * 1024 * MIB, images: 3, mib: 341 },
  { available: 4096 * MIB, images: 1, mib: 512 },
  { available: 256 * MIB, images: 1, mib: 32 },
  { available: 7 * MIB, images: 1, mib: 0 },
])("$images images of a host with $available bytes get $mib MiB each", ({ available, images, mib }) => {
  expect(defaultClusterCacheBytes(available, images)).toBe(mib * MIB);
});
