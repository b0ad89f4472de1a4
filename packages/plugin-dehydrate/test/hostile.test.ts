// Images with fields, entries and stretches of any value: what dehydrate makes of them.

import fc from "fast-check";
import { expect, it } from "vitest";
import { bytesOf, filesOf, has, imageOf } from "./files-of.js";
import { secretImage } from "./secret-image.js";

const original = secretImage().bytes;
const CLUSTER = 65536;
/** Clusters with metadata in them: header to L2, snapshots to VM state's L2, refcounts, bitmaps. */
const METADATA = [0, 1, 2, 3, 6, 7, 8, 11, 12, 13];

const value = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 62n, 2n ** 53n, 0xffff_ffffn, 65536n, 196_608n),
  fc.nat(17).map((cluster) => BigInt(cluster * CLUSTER)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const change = fc.tuple(fc.constantFrom(...METADATA), fc.oneof(fc.nat(40), fc.nat(8191)), value);

it("ends with files that make an image, or with an error of the format, whatever an image says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
      const image = original.slice();
      const view = new DataView(image.buffer);
      for (const [cluster, word, bits] of changes) view.setBigUint64(cluster * CLUSTER + word * 8, bits);
      const files = await filesOf(image, { scrub: changes.length % 2 === 0 }).catch((error: unknown) => {
        expect(error).toMatchObject({ name: "FormatError" });
        return undefined;
      });
      if (files === undefined) return;
      const { file } = await imageOf(files);
      expect(await file.size()).toBe(image.length);
      // Whatever is kept comes from its own place, or is zero or a replaced name.
      if (changes.length % 2 === 1) expectPartOf(await bytesOf(file), image);
    }),
    { numRuns: 150 },
  );
});

it("gives no contents away whatever one pointer says", async () => {
  const pointers = [40, 48, 64, CLUSTER, 2 * CLUSTER, 3 * CLUSTER, 7 * CLUSTER, 13 * CLUSTER];
  for (const at of pointers) {
    for (const target of [4, 9, 10]) {
      const image = original.slice();
      new DataView(image.buffer).setBigUint64(at, BigInt(target * CLUSTER));
      const { meta } = await filesOf(image);
      // The bits of a bitmap, in a cluster that nobody else claims, cannot be told from contents.
      const isUntellable = target === 10 && at === 13 * CLUSTER;
      for (const secret of ["secret of the guest", "secret of a saved VM", "secret of a free cluster"])
        if (!isUntellable) expect([at, target, has(meta, secret)]).toEqual([at, target, false]);
    }
  }
});

function expectPartOf(made: Uint8Array, image: Uint8Array): void {
  const at = made.findIndex((byte, index) => byte !== 0 && byte !== image[index]);
  expect(at).toBe(-1);
}
