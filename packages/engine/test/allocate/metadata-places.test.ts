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
});
