import { beforeAll, describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { runQcow } from "./run-qcow.js";

const folder = new Folder("encode-stream");
const CLUSTER = 65536;
const raw = Buffer.alloc(12 * CLUSTER);

beforeAll(() => {
  raw.fill("compresses well ", CLUSTER, 4 * CLUSTER);
  for (let at = 6 * CLUSTER; at < 8 * CLUSTER; at++) raw[at] = Math.imul(at, 0x9e3779b1) >>> 24;
  folder.put("disk.raw", raw);
});

async function streamed(args: readonly string[], stdin?: Uint8Array): Promise<Buffer> {
  const ran = await runQcow(["encode", ...args], { cwd: folder.path, ...(stdin && { stdin }) });
  expect(ran.stderr).toBe("");
  expect(ran.exitCode).toBe(0);
  return ran.stdout;
}

describe.each([[[]], [["--compress"]], [["--extended-l2", "--cluster-size", "16K"]]])(
  "encode to a pipe %j",
  (flags) => {
    it("makes a sound image of the disk, with the same bytes from stdin, again, and to a file", async () => {
      const image = await streamed(["disk.raw", "-", ...flags]);
      folder.put("piped.qcow2", image);
      expect(await folder.check("piped.qcow2")).toBe(0);
      expectSame(await folder.disk("piped.qcow2"), raw);
      expectSame(await streamed(["disk.raw", "-", ...flags]), image);
      expectSame(await streamed(["-", "-", "--memory", "0", ...flags], raw), image);
      await folder.json("encode", "disk.raw", "file.qcow2", "--layout", "guest-order", ...flags);
      expectSame(folder.get("file.qcow2"), image);
    });
  },
);

it("stdin goes to a file, over an older image", async () => {
  folder.put("out.qcow2", Buffer.alloc(40 * CLUSTER, 1));
  await streamed(["-", "out.qcow2", "--size", "1M"], raw);
  expect(await folder.check("out.qcow2")).toBe(0);
  expectSame(await folder.disk("out.qcow2"), Buffer.concat([raw, Buffer.alloc(4 * CLUSTER)]));
});

it("all of stdin is stored, as it comes, when that is wanted", async () => {
  const image = await streamed(["-", "-", "--size", `${raw.length}`, "--preallocation", "full"], raw);
  // Header, refcount table and block, L1 and L2 table.
  expect(image.length).toBe(raw.length + 5 * CLUSTER);
  expectSame(image.subarray(5 * CLUSTER), raw);
});

it("a disk that is longer than --size leaves no new image behind", async () => {
  const ran = await runQcow(["encode", "-", "long.qcow2", "--size", "64K"], { cwd: folder.path, stdin: raw });
  expect(ran.stderr).toContain("(QCOW2_OUT_OF_RANGE)");
  expect(ran.stderr).toContain("The incomplete long.qcow2 was removed.");
  expect(ran.exitCode).toBe(1);
});
