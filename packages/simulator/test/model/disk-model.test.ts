import { describe, expect, test } from "vitest";
import { DiskModel } from "../../src/model/disk-model.js";

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** A disk of 8 bytes, all 1. */
const newModel = (): DiskModel => new DiskModel(filled(8, 1), 16);

function write(model: DiskModel, offset: number, length: number, value: number): void {
  model.endWrite(model.beginWrite(offset, length, filled(length, value), `write of ${value}`), true);
}

function read(model: DiskModel, text: string): string | undefined {
  return model.endRead(model.beginRead(0, text.length), bytesOf(text));
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, Number);

/** Which of the disks may be found after a crash. */
function survivors(model: DiskModel, ...disks: string[]): string[] {
  return disks.filter((text) => model.judgeCrash(bytesOf(text)) === undefined);
}

describe("a disk model", () => {
  test("lets a read find what was acknowledged, and nothing else", () => {
    const model = newModel();
    write(model, 2, 4, 2);
    expect(read(model, "11222211")).toBeUndefined();
    expect(read(model, "11122211")).toContain("byte 2 is 1 and may only be 2 (write of 2)");
    expect(read(model, "21222211")).toContain("byte 0 is 2 and may only be 1");
  });

  test("lets a read find old or new of what is under way, and of what began under way with it", () => {
    const model = newModel();
    const first = model.beginWrite(0, 4, filled(4, 2), "first");
    expect(read(model, "12121111")).toBeUndefined();
    const early = model.beginRead(0, 8);
    model.endWrite(first, true);
    write(model, 4, 4, 3);
    expect(model.endRead(early, bytesOf("12121313"))).toBeUndefined();
    expect(read(model, "12223333")).toContain("byte 0");
  });

  test("lets any of overlapping writes win, until one was seen", () => {
    const model = newModel();
    const one = model.beginWrite(0, 4, filled(4, 2), "one");
    const two = model.beginWrite(0, 4, filled(4, 3), "two");
    model.endWrite(two, true);
    model.endWrite(one, true);
    expect(read(model, "11111111")).toContain("byte 0");
    expect(read(model, "23231111")).toBeUndefined();
    expect(read(model, "22221111")).toContain("byte 1 is 2 and may only be 3 (what was read)");
  });

  test("keeps after a crash what a flush has covered, and lets the rest be old or new", () => {
    const model = newModel();
    write(model, 0, 2, 2);
    const under = model.beginWrite(4, 2, filled(2, 3), "under way");
    const flush = model.beginFlush();
    write(model, 2, 2, 4);
    model.endWrite(under, true);
    expect(survivors(model, "11111111", "22113311")).toEqual(["11111111", "22113311"]);
    model.endFlush(flush);
    expect(survivors(model, "11111111", "21111111")).toEqual([]);
    expect(survivors(model, "22111111", "22443311", "22141311")).toHaveLength(3);
    model.endFlush(model.beginFlush());
    expect(survivors(model, "22111111", "22443311")).toEqual(["22443311"]);
  });

  test("knows that an older version than the flushed one is gone, and that a newer one may be there", () => {
    const model = newModel();
    write(model, 0, 8, 2);
    write(model, 0, 8, 3);
    const flush = model.beginFlush();
    write(model, 0, 8, 4);
    model.endFlush(flush);
    expect(survivors(model, "11111111", "22222222", "33333333", "44444444")).toEqual([
      "33333333",
      "44444444",
    ]);
  });

  test("takes a rejected operation for old or new, byte by byte, until something newer is durable", () => {
    const model = newModel();
    model.endWrite(model.beginWrite(0, 4, undefined, "discard"), false);
    model.endFlush(model.beginFlush());
    expect(survivors(model, "01011111", "21111111")).toEqual(["01011111"]);
    expect(read(model, "01101111")).toBeUndefined();
    model.endFlush(model.beginFlush());
    expect(survivors(model, "01011111", "01101111")).toEqual(["01101111"]);
  });

  test("lets a disk be old or new in size while it is resized, and loses what is cut off", () => {
    const model = newModel();
    const shrink = model.beginResize(4);
    expect(survivors(model, "1111", "11111111", "11110011", "111", "11112222")).toHaveLength(3);
    model.endResize(shrink);
    expect(survivors(model, "1111", "11111111")).toEqual(["1111"]);
    model.endResize(model.beginResize(8));
    expect(survivors(model, "1111", "11111111", "11110000")).toEqual(["11110000"]);
  });

  test("knows the size again once a flush follows a resize that was rejected", () => {
    const model = newModel();
    model.failResize(model.beginResize(10), 8);
    expect(survivors(model, "11111111", "1111111100")).toHaveLength(2);
    model.endFlush(model.beginFlush());
    expect(survivors(model, "11111111", "1111111100")).toEqual(["11111111"]);
  });

  test("goes on from what was found when the process ended, which is durable only after a flush", () => {
    const model = newModel();
    write(model, 0, 8, 2);
    expect(survivors(model, "11112222")).toHaveLength(1);
    model.restart(bytesOf("11112222"));
    expect(read(model, "22222222")).toContain("byte 0");
    expect(survivors(model, "22222222", "11111111")).toHaveLength(2);
    model.endFlush(model.beginFlush());
    expect(survivors(model, "22222222", "11112222")).toEqual(["11112222"]);
  });

  test("knows what lies behind the end that it was opened with, as long as the old size may come back", () => {
    const model = newModel();
    write(model, 0, 8, 2);
    model.failResize(model.beginResize(4), 4);
    model.restart(bytesOf("2222"));
    expect(survivors(model, "2222", "22221212", "11110000", "1111", "22223333")).toHaveLength(4);
    model.endFlush(model.beginFlush());
    expect(survivors(model, "2222", "22221212", "1111")).toEqual(["2222"]);
    model.endResize(model.beginResize(8));
    expect(survivors(model, "22220000", "22221212")).toEqual(["22220000"]);
  });
});
