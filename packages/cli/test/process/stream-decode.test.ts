import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { runQcow } from "./run-qcow.js";
import { filled, tinyImage } from "./tiny-image.js";

const folder = new Folder("stream-decode");
const image = Buffer.from(tinyImage({ clusters: new Map([[3, filled(7)]]) }));
let disk: Buffer;

beforeAll(async () => {
  folder.put("disk.qcow2", image);
  disk = await folder.disk("disk.qcow2");
});

describe.each(["stream-decode", "stream_decode"])("%s", (name) => {
  it("writes the disk of an image on stdin to a file, whose old contents are lost", async () => {
    folder.put("out.raw", Buffer.alloc(disk.length * 2, 9));
    const ran = await runQcow([name, "out.raw", "--json"], { cwd: folder.path, stdin: image });
    expect(ran.stderr).toBe("");
    expect(JSON.parse(ran.stdout.toString())).toMatchObject({
      output: "out.raw",
      "virtual-size": disk.length,
      "image-size": image.length,
    });
    expectSame(folder.get("out.raw"), disk);
  });

  it("writes it to stdout", async () => {
    const ran = await runQcow([name, "-"], { cwd: folder.path, stdin: image });
    expectSame(ran.stdout, disk);
    expect(ran.exitCode).toBe(0);
  });
});

it("reads a file by name, and leaves no spill file behind", async () => {
  const ran = await folder.qcow("stream-decode", "small.raw", "--input", "disk.qcow2", "--memory", "0");
  expect(ran.exitCode).toBe(0);
  expectSame(folder.get("small.raw"), disk);
  expect(readdirSync(folder.path).filter((name) => name.includes("spill"))).toEqual([]);
});

it("a new output of a stream that was cut short is removed, an old one is called incomplete", async () => {
  const cut = image.subarray(0, image.length / 2);
  const fresh = await runQcow(["stream-decode", "new.raw"], { cwd: folder.path, stdin: cut });
  expect(fresh.stderr).toContain("stdin ended after");
  expect(fresh.stderr).toContain("(QCOW2_REFERENCE_OUTSIDE_FILE)");
  expect(fresh.stderr).toContain("The incomplete new.raw was removed.");
  expect(fresh.exitCode).toBe(1);
  expect(readdirSync(folder.path)).not.toContain("new.raw");
  folder.put("old.raw", Buffer.from("old"));
  const old = await runQcow(["stream-decode", "old.raw"], { cwd: folder.path, stdin: cut });
  expect(old.stderr).toContain("old.raw is incomplete.");
});

it.each([
  [["disk.qcow2", "--input", "disk.qcow2"], 1, "CLI_OUTPUT_IS_INPUT"],
  [["-", "--json", "--input", "disk.qcow2"], 64, "CLI_USAGE"],
  [["out.raw", "--input", "nothing.qcow2"], 1, "BACKEND_NOT_FOUND"],
  [["out.raw", "--input", "backed.qcow2"], 1, "QCOW2_MISSING_CAPABILITY"],
])("%j: exit %d, %s", async (args, exitCode, code) => {
  folder.put("backed.qcow2", Buffer.from(tinyImage({ backingFile: "base" })));
  const ran = await folder.qcow("stream-decode", ...args);
  expect(ran.stderr).toContain(`(${code})`);
  expect(ran.stderr).not.toContain("ncomplete");
  expect(ran.exitCode).toBe(exitCode);
  expectSame(folder.get("disk.qcow2"), image);
});
