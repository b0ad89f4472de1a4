import { describe, expect, it, vi } from "vitest";
import { openForWriting } from "../src/open-for-writing.js";

const lock = vi.hoisted(() => ({ state: "held" }));

vi.mock("@qcow/backend-node", () => ({
  openWritable: async () => ({ label: "disk", lock: lock.state }),
}));

describe("openForWriting", () => {
  it.each([
    ["held", 0],
    ["unavailable", 1],
  ])("says when a file cannot be locked on this system (%s)", async (state, count) => {
    lock.state = state;
    const lines: string[] = [];
    await openForWriting("disk.qcow2", { warn: (line) => void lines.push(line) });
    expect(lines).toHaveLength(count);
    if (count > 0) expect(lines[0]).toContain("cannot be locked");
  });

  it("refuses addresses that can only be read", async () => {
    await expect(openForWriting("https://example.org/disk.qcow2")).rejects.toMatchObject({
      code: "CLI_READ_ONLY_ADDRESS",
    });
  });
});
