import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkSnapshotL1,
  decodeSnapshotEntry,
  decodeSnapshotTable,
  encodeSnapshotTable,
  type Snapshot,
} from "../src/index.js";
import { expectFormatError, throwsOnlyFormatErrors } from "./expect-format-error.js";
import { u32, u64 } from "./sample-header.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A snapshot as its table entry says it; `extraData` decides which fields there are. */
function snapshotWith(changes: Partial<Snapshot> = {}): Snapshot {
  const { id = "1", name = "before" } = changes;
  return {
    l1TableOffset: 0x50000n,
    l1Size: 2,
    id,
    name,
    idBytes: text(id),
    nameBytes: text(name),
    dateSec: 1700000000,
    dateNsec: 5,
    vmClockNsec: 7n,
    vmStateSize: 0n,
    diskSize: undefined,
    icount: undefined,
    extraData: new Uint8Array(0),
    ...changes,
  };
}

// l1_table_offset, l1_size, id_str_size, name_size, date_sec, date_nsec, vm_clock_nsec, vm_state_size, extra_data_size
const FIXED = [
  ...[0, 0, 0, 0, 0, 5, 0, 0],
  ...[0, 0, 0, 2, 0, 1, 0, 6],
  ...[0x65, 0x53, 0xf1, 0x00, 0, 0, 0, 5],
  ...[0, 0, 0, 0, 0, 0, 0, 7],
  ...[0, 0, 0, 9, 0, 0, 0, 0],
];

function entryBytes(extra: readonly number[], extraSize = extra.length): Uint8Array {
  const bytes = [...FIXED, ...extra, ...text("1before")];
  bytes.splice(36, 4, extraSize >>> 24, (extraSize >>> 16) & 255, (extraSize >>> 8) & 255, extraSize & 255);
  while (bytes.length % 8 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

const word64 = (low: number): number[] => [0, 0, 0, 0, 0, 0, 0, low];
const ALL_ONES = new Array<number>(8).fill(255);

describe("decodeSnapshotTable", () => {
  it("reads an entry without extra data", () => {
    const bytes = entryBytes([]);
    const { snapshots, length } = decodeSnapshotTable(bytes, 1);
    expect(snapshots).toEqual([snapshotWith({ vmStateSize: 9n })]);
    expect(length).toBe(bytes.length);
  });

  it.each([
    [8, word64(3), { vmStateSize: 3n }],
    [16, [...word64(3), ...word64(4)], { vmStateSize: 3n, diskSize: 4n }],
    [24, [...word64(3), ...word64(4), ...word64(5)], { vmStateSize: 3n, diskSize: 4n, icount: 5n }],
    [24, [...word64(3), ...word64(4), ...ALL_ONES], { vmStateSize: 3n, diskSize: 4n, icount: undefined }],
    [
      28,
      [...word64(3), ...word64(4), ...word64(5), 1, 2, 3, 4],
      { vmStateSize: 3n, diskSize: 4n, icount: 5n },
    ],
    [7, [1, 2, 3, 4, 5, 6, 7], { vmStateSize: 9n }],
  ])("reads what %i bytes of extra data hold", (_bytes, extra, fields) => {
    const expected = snapshotWith({ ...fields, extraData: Uint8Array.from(extra) });
    expect(decodeSnapshotTable(entryBytes(extra), 1).snapshots).toEqual([expected]);
  });

  it("reads one entry after the other and needs no padding after the last", () => {
    const bytes = new Uint8Array([...entryBytes([]), ...entryBytes(word64(3)).slice(0, 55)]);
    const { snapshots, length } = decodeSnapshotTable(bytes, 2);
    expect(snapshots.map((snapshot) => snapshot.vmStateSize)).toEqual([9n, 3n]);
    expect(length).toBe(48 + 56);
  });

  it("reads no entries from no bytes", () => {
    expect(decodeSnapshotTable(new Uint8Array(0), 0)).toEqual({ snapshots: [], length: 0 });
  });

  it("refuses more than 65536 entries before it reads any", () => {
    const expected = {
      code: "QCOW2_LIMIT_EXCEEDED",
      structure: "snapshot table",
      field: "nb_snapshots",
    } as const;
    expectFormatError(() => decodeSnapshotTable(new Uint8Array(0), 65537), expected);
  });

  it("refuses extra data of more than 1024 bytes", () => {
    const place = { structure: "snapshot table entry 1", field: "extra_data_size", offset: 36 };
    const bytes = new Uint8Array([...entryBytes([]), ...entryBytes([], 1025)]);
    expectFormatError(() => decodeSnapshotTable(bytes, 2), { code: "QCOW2_LIMIT_EXCEEDED", ...place });
    expect(decodeSnapshotEntry(entryBytes([], 1024), 0, 0)).toEqual({ needs: 40 + 1024 + 7 });
  });

  it("refuses a table that ends inside an entry", () => {
    const expected = { code: "QCOW2_TRUNCATED", structure: "snapshot table entry 0", offset: 46 } as const;
    expectFormatError(() => decodeSnapshotTable(entryBytes([]).slice(0, 46), 1), expected);
  });

  it("throws nothing but FormatError, whatever the bytes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat({ max: 47 }), fc.nat({ max: 255 })).map(([at, value]) => {
        const changed = entryBytes([]);
        changed[at] = value;
        return changed;
      }),
    );
    fc.assert(
      fc.property(bytes, u32(), (input, count) =>
        throwsOnlyFormatErrors(() => decodeSnapshotTable(input, count)),
      ),
    );
  });
});

describe("decodeSnapshotEntry", () => {
  it("asks for the fixed part, then for the whole entry, then answers", () => {
    const bytes = new Uint8Array([...new Uint8Array(16), ...entryBytes(word64(3))]);
    expect(decodeSnapshotEntry(bytes.slice(0, 16), 16, 0)).toEqual({ needs: 40 });
    expect(decodeSnapshotEntry(bytes.slice(0, 55), 16, 0)).toEqual({ needs: 40 });
    expect(decodeSnapshotEntry(bytes.slice(0, 56), 16, 0)).toEqual({ needs: 55 });
    expect(decodeSnapshotEntry(bytes.slice(0, 70), 16, 0)).toEqual({ needs: 55 });
    expect(decodeSnapshotEntry(bytes.slice(0, 71), 16, 0)).toMatchObject({ nextOffset: 72 });
  });

  it("refuses to go on past 64 MiB, whatever the entry says", () => {
    const expected = {
      code: "QCOW2_LIMIT_EXCEEDED",
      structure: "snapshot table entry 9",
      offset: 0,
    } as const;
    expectFormatError(() => decodeSnapshotEntry(new Uint8Array(0), 2 ** 26 - 39, 9), expected);
    expect(decodeSnapshotEntry(new Uint8Array(0), 2 ** 26 - 40, 9)).toEqual({ needs: 40 });
  });
});

describe("encodeSnapshotTable", () => {
  it("writes the bytes of the specification", () => {
    const snapshot = snapshotWith({ vmStateSize: 9n });
    expect(encodeSnapshotTable([snapshot, snapshot])).toEqual(
      new Uint8Array([...entryBytes([]), ...entryBytes([])]),
    );
  });

  it("makes room in the extra data for the fields that are there", () => {
    const snapshots = [
      snapshotWith({ vmStateSize: 2n ** 40n }),
      snapshotWith({ diskSize: 4096n }),
      snapshotWith({ icount: 3n }),
    ];
    const { snapshots: decoded } = decodeSnapshotTable(encodeSnapshotTable(snapshots), 3);
    expect(decoded.map((snapshot) => snapshot.extraData.length)).toEqual([8, 16, 24]);
    expect(decoded).toMatchObject([
      { vmStateSize: 2n ** 40n },
      { diskSize: 4096n },
      { icount: 3n, diskSize: 0n },
    ]);
  });

  it("gives back what was decoded", () => {
    const tables = fc.array(
      fc.record({
        l1TableOffset: u64(),
        l1Size: u32(),
        idBytes: fc.uint8Array({ maxLength: 9 }),
        nameBytes: fc.uint8Array({ maxLength: 40 }),
        dateSec: u32(),
        dateNsec: u32(),
        vmClockNsec: u64(),
        vmStateSize: u32().map(BigInt),
        extraData: fc.uint8Array({ maxLength: 40 }),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(tables, (table) => {
        const { snapshots } = decodeSnapshotTable(encodeSnapshotTable(table.map(snapshotWith)), table.length);
        const again = encodeSnapshotTable(snapshots);
        expect(decodeSnapshotTable(again, table.length)).toEqual({ snapshots, length: again.length });
        expect(snapshots.map(({ nameBytes }) => nameBytes)).toEqual(table.map(({ nameBytes }) => nameBytes));
      }),
    );
  });

  it.each([
    ["a name of 65536 bytes", { nameBytes: new Uint8Array(65536) }, "QCOW2_INVALID_FIELD", "name_size", 14],
    ["a time before 1970", { dateSec: -1 }, "QCOW2_INVALID_FIELD", "date_sec", 16],
  ] as const)("refuses %s", (_title, changes, code, field, offset) => {
    const expected = { code, structure: "snapshot table entry 0", field, offset } as const;
    expectFormatError(() => encodeSnapshotTable([snapshotWith(changes)]), expected);
  });

  it("refuses more than 65536 snapshots", () => {
    const snapshots = new Array<Snapshot>(65537).fill(snapshotWith());
    const expected = {
      code: "QCOW2_LIMIT_EXCEEDED",
      structure: "snapshot table",
      field: "nb_snapshots",
    } as const;
    expectFormatError(() => encodeSnapshotTable(snapshots), expected);
  });

  it("refuses extra data of more than 1024 bytes", () => {
    const place = { structure: "snapshot table entry 0", field: "extra_data_size" };
    const snapshot = snapshotWith({ extraData: new Uint8Array(1025) });
    expectFormatError(() => encodeSnapshotTable([snapshot]), { code: "QCOW2_LIMIT_EXCEEDED", ...place });
  });
});

describe("checkSnapshotL1", () => {
  it.each([
    ["an L1 table off a cluster", { l1TableOffset: 0x50200n }, "QCOW2_INVALID_FIELD", "l1_table_offset", 0],
    ["an L1 table at 2^63", { l1TableOffset: 2n ** 63n }, "QCOW2_INVALID_FIELD", "l1_table_offset", 0],
    ["an L1 table over 32 MiB", { l1Size: 4194305 }, "QCOW2_LIMIT_EXCEEDED", "l1_size", 8],
  ] as const)("refuses %s", (_title, changes, code, field, offset) => {
    const expected = { code, structure: "snapshot table entry 4", field, offset } as const;
    expectFormatError(() => checkSnapshotL1(snapshotWith(changes), 65536, 4), expected);
  });

  it("passes an L1 table of exactly 32 MiB", () => {
    expect(() => checkSnapshotL1(snapshotWith({ l1Size: 4194304 }), 65536, 0)).not.toThrow();
  });
});
