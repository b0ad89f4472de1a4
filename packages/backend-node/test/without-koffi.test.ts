import { openReadable, openWritable } from "@qcow/backend-node";
import { expect, it, vi } from "vitest";
import { scratch } from "./scratch.js";

vi.mock("koffi", () => {
  throw new Error("not installed");
});

const pathTo = scratch();

it("opens without a lock where koffi is missing, says so, and has no members for holes", async () => {
  const path = pathTo();
  await using first = await openWritable(path, { create: true, lock: "exclusive" });
  await using second = await openWritable(path, { lock: "exclusive", sparse: true });
  await using reader = await openReadable(path, { lock: "shared" });
  for (const backend of [first, second, reader]) {
    expect(backend.lock).toBe("unavailable");
    for (const member of ["discard", "allocate", "nextData"]) expect(member in backend).toBe(false);
  }
  await second.write(0, Uint8Array.of(1, 2, 3));
  expect(await reader.size()).toBe(3);
});
