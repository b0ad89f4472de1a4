// `compact --defragment`, as a user runs it.

import { describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";

const folder = new Folder("defragment");

describe("compact --defragment", () => {
  it("puts the clusters of the disk in its order", async () => {
    await folder.qcow("create", "torn.qcow2", "1M", "--cluster-size", "4096");
    folder.put("cluster.bin", Buffer.alloc(4096, 7));
    for (const cluster of [30, 10, 50, 20, 0, 40])
      await folder.qcow("write", "torn.qcow2", "--offset", `${cluster * 4096}`, "--input", "cluster.bin");
    const disk = await folder.disk("torn.qcow2");
    const ran = await folder.json("compact", "torn.qcow2", "--defragment", "--dry-run");
    expect(ran).toMatchObject({ "fragmented-clusters-before": 5 });
    const { stdout } = await folder.qcow("compact", "torn.qcow2", "--defragment");
    expect(stdout.toString()).toContain(
      "Its disk had 5 clusters that did not follow their neighbour, and has 0 now.\n",
    );
    expectSame(await folder.disk("torn.qcow2"), disk);
    expect(await folder.check("torn.qcow2")).toBe(0);
  });
});
