// Which clusters hold metadata.

import { describe, expect, test } from "vitest";
import { MetadataPlaces } from "../../src/allocate/metadata-places.js";

describe("places of metadata", () => {
  test("are whole clusters, whatever part of them a structure takes", () => {
    const places = new MetadataPlaces(512);
    places.add(1024, 513);
    places.add(4096, 0);
    expect([1, 2, 3, 4, 8].map((index) => places.has(index))).toEqual([false, true, true, false, false]);
    expect(places.last()).toBe(3);
    places.remove(3);
    expect(places.has(3)).toBe(false);
    expect(places.last()).toBe(2);
  });

  test("take a new structure only where none is", () => {
    const places = new MetadataPlaces(512);
    expect(places.addNew(512, 1024)).toBe(true);
    expect(places.addNew(1024, 1024)).toBe(false);
    expect(places.has(3)).toBe(false);
    expect(places.addNew(2048, 0)).toBe(true);
  });

  test("at the start of a file include small gaps between them (S-0.9.1-6)", () => {
    const places = new MetadataPlaces(512);
    places.add(0, 512);
    places.add(3 * 512, 512);
    places.add(6 * 512, 1024);
    places.add(50 * 512, 512);
    expect(places.headerEnd()).toBe(8);
    expect(new MetadataPlaces(512).headerEnd()).toBe(0);
  });

  test("that an image claims cost as much as there are, not as they say, and end with the file", () => {
    const places = new MetadataPlaces(512);
    const huge = { offset: 1024, length: 2 ** 35 };
    places.setClaims(
      [
        huge,
        { offset: 2 ** 40, length: 512 },
        { offset: 0, length: 0 },
        { offset: 100 * 512, length: 1 },
        huge,
      ],
      50 * 512 + 1,
    );
    expect([1, 2, 50, 51, 100, 2 ** 31].map((index) => places.has(index))).toEqual([
      false,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(places.last()).toBe(50);
    const many = new MetadataPlaces(512);
    const claims = Array.from({ length: 65_536 }, (_, at) => ({ offset: at * 2048, length: 2 ** 25 }));
    many.setClaims(claims.reverse(), 2 ** 50);
    expect(many.has(65_536 * 4 + 65_535 - 4)).toBe(true);
    expect(many.has(65_536 * 4 + 65_536)).toBe(false);
    const apart = new MetadataPlaces(512);
    apart.setClaims(
      [5, 1, 9].map((cluster) => ({ offset: cluster * 512, length: 1024 })),
      2 ** 40,
    );
    const found = Array.from({ length: 13 }, (_, index) => (apart.has(index) ? index : -1)).filter(
      (at) => at >= 0,
    );
    expect(found).toEqual([1, 2, 5, 6, 9, 10]);
    expect(apart.addNew(6 * 512, 512)).toBe(false);
    expect(apart.addNew(7 * 512, 1024)).toBe(true);
  });
});
