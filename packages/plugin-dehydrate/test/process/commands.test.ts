// The commands as a user runs them, in the program with the plugin linked.

import { mkdirSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { has } from "../files-of.js";
import { exampleImage, MadeImage } from "../made-image.js";
import { NAMES, SECRETS, secretImage } from "../secret-image.js";
import { LinkedProgram } from "./plugin.js";

const program = new LinkedProgram();
const image = secretImage().bytes;

beforeAll(async () => {
  expect(await program.link()).toMatchObject({ exitCode: 0 });
});
beforeEach(() => {
  program.clear();
  program.put("disk.qcow2", image);
});
afterAll(() => program.remove());

describe("dehydrate and rehydrate", () => {
  it("make a pair of files, and an image that is checked and described as the original", async () => {
    const made = await program.json("dehydrate", "disk.qcow2", "out");
    expect(made).toEqual({
      filename: "disk.qcow2",
      outputs: ["out.map", "out.meta"],
      "file-size": image.length,
      "metadata-size": program.get("out.meta").length,
      intervals: 3,
      scrubbed: false,
      notes: [],
    });
    for (const secret of SECRETS) expect(has(program.get("out.meta"), secret)).toBe(false);
    expect(await program.json("rehydrate", "out", "again.qcow2")).toMatchObject({
      output: "again.qcow2",
      "file-size": image.length,
      "missing-bytes": 0,
    });
    expect(program.names()).toEqual(["again.qcow2", "disk.qcow2", "out.map", "out.meta"]);
    for (const command of ["check", "info"]) {
      const [before, after] = [
        await program.json(command, "disk.qcow2"),
        await program.json(command, "again.qcow2"),
      ];
      const { filename: _, "actual-size": __, ...rest } = before;
      expect(after).toMatchObject(rest);
    }
  });

  it("make a single file, scrubbed if wanted, that rehydrate knows by itself", async () => {
    const ran = await program.run(["dehydrate", "disk.qcow2", "out", "--single", "--scrub"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "" });
    expect(ran.stderr).toMatch(/^Wrote out.tar.gz: [0-9]+ bytes of metadata, of a file of 1048576 bytes.$/m);
    const single = gunzipSync(program.get("out.tar.gz"));
    for (const text of [...SECRETS, ...NAMES]) expect(has(single, text)).toBe(false);
    for (const prefix of ["out", "out.tar.gz"]) {
      expect(await program.run(["rehydrate", prefix, "again.qcow2", "--quiet"])).toMatchObject({
        exitCode: 0,
      });
      expect(program.get("again.qcow2").length).toBe(image.length);
    }
  });

  it("overwrite what there is, through links, once the new files are whole", async () => {
    program.put("real.map", "old");
    symlinkSync("real.map", program.at("out.map"));
    program.put("again.qcow2", "old");
    expect(await program.run(["dehydrate", "disk.qcow2", "out"])).toMatchObject({ exitCode: 0 });
    expect(program.get("real.map").toString()).toMatch(/^\(\(blocks/);
    expect(await program.run(["rehydrate", "out", "again.qcow2"])).toMatchObject({ exitCode: 0 });
    expect(program.get("again.qcow2").length).toBe(image.length);
    expect(program.names()).toEqual(["again.qcow2", "disk.qcow2", "out.map", "out.meta", "real.map"]);
  });

  it.each([
    ["a map that is cut short", "((blocks ((0 511)", 512, "DEHYDRATED_BAD_MAP"],
    ["metadata that are cut short", "((blocks ((0 511))) (total_size 9999))", 100, "DEHYDRATED_BAD_META"],
    [
      "a file that is longer than files can be",
      `((blocks ((0 511))) (total_size ${2 ** 53 - 1}))`,
      512,
      "BACKEND_IO",
    ],
  ])("leave OUT alone for %s, with one line", async (_, map, length, code) => {
    program.put("bad.map", map);
    program.put("bad.meta", new Uint8Array(length));
    program.put("again.qcow2", "old");
    const ran = await program.run(["rehydrate", "bad", "again.qcow2"]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(new RegExp(`^qcow: .*\\(${code}\\)\\n$`, "m"));
    expect(program.get("again.qcow2").toString()).toBe("old");
    expect(program.names()).toEqual(["again.qcow2", "bad.map", "bad.meta", "disk.qcow2"]);
  });

  it("refuse a damaged single file, and leave nothing", async () => {
    await program.json("dehydrate", "disk.qcow2", "out", "--single");
    const whole = program.get("out.tar.gz");
    for (const bytes of [whole.subarray(0, -5), Buffer.concat([whole.subarray(0, 40), Buffer.alloc(99)])]) {
      program.put("out.tar.gz", bytes);
      const ran = await program.run(["rehydrate", "out", "again.qcow2"]);
      expect(ran.stderr).toContain("(DEHYDRATED_BAD_ARCHIVE)");
      expect(program.names()).toEqual(["disk.qcow2", "out.tar.gz"]);
    }
  });

  it("say what of qcow-tool's files is missing", async () => {
    const mib = 1024 * 1024;
    program.put("theirs.map", `((blocks ((0 ${3 * mib - 1}))) (total_size ${4 * mib}))`);
    program.put("theirs.meta", new Uint8Array(mib).fill(1));
    const ran = await program.run(["rehydrate", "theirs", "again.qcow2", "--json"]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ "missing-bytes": 2 * mib });
    expect(ran.stderr).toContain("qcow-tool wrote these files, and only the first MiB of 1 interval");
  });

  it.each([
    ["an output that is an input", ["rehydrate", "out", "out.meta"], /\(CLI_OUTPUT_IS_INPUT\)/],
    ["an output that is a folder", ["rehydrate", "out", "folder"], /is there, and is no file \(CLI_USAGE\)/],
    ["an output at a server", ["rehydrate", "out", "http://127.0.0.1:1/x"], /\(CLI_READ_ONLY_ADDRESS\)/],
    ["files that are not there", ["rehydrate", "nothing", "new"], /there is neither nothing\.map nor/],
    ["half a pair", ["rehydrate", "half", "new"], /half\.meta.*\(BACKEND_NOT_FOUND\)/],
    [
      "an image in place of the files",
      ["rehydrate", "disk.qcow2", "new"],
      /is no compressed file.*\(CLI_USAGE\)/,
    ],
    ["a file that is no image", ["dehydrate", "out.map", "new"], /\(QCOW2_BAD_MAGIC\)/],
  ])("refuse %s, and leave everything as it is", async (_, args, message) => {
    mkdirSync(program.at("folder"));
    program.put("half.map", "((blocks ()) (total_size 0))");
    await program.json("dehydrate", "disk.qcow2", "out");
    const before = program
      .names()
      .map((name) => [name, name === "folder" ? "" : program.get(name).toString("hex")]);
    const ran = await program.run([...args, "--quiet"]);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toMatch(message);
    const after = program
      .names()
      .map((name) => [name, name === "folder" ? "" : program.get(name).toString("hex")]);
    expect(after).toEqual(before);
  });

  it("tell of damage, and do what can be done", async () => {
    program.put("disk.qcow2", exampleImage().entry(2, 0, 100).bytes);
    const ran = await program.run(["dehydrate", "disk.qcow2", "out"]);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain("Note: the active L1 table names an L2 table where none can be.\n");
  });
});

describe("an image at a server", () => {
  const DATA_CLUSTERS = 1000;
  /** 64 MiB with its only L2 table at the end. */
  const remote = new MadeImage(DATA_CLUSTERS + 4).header({ l1Size: 1 }).entry(2, 0, DATA_CLUSTERS + 3);
  for (let index = 0; index < DATA_CLUSTERS; index++) remote.entry(DATA_CLUSTERS + 3, index, 3 + index);
  let server: Server;
  let address: string;
  let sent: number[] = [];
  let isHanging = false;
  let onHang: () => void = () => {};

  beforeAll(async () => {
    server = createServer(({ headers }, response) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
      if (isHanging && sent.length > 0) return onHang();
      const part = remote.bytes.subarray(Number(from), Number(to) + 1);
      sent.push(part.length);
      const range = `bytes ${from}-${Number(from) + part.length - 1}/${remote.bytes.length}`;
      response.writeHead(206, { etag: '"1"', "content-range": range }).end(part);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.qcow2`;
  });
  beforeEach(() => {
    sent = [];
    isHanging = false;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it("is asked for its metadata only, once", async () => {
    await program.json("dehydrate", address, "out");
    expect(program.get("out.meta").length).toBe(4 * 65536);
    // The first request asks for 256 KiB, which header and tables mostly fit in.
    expect(sent.reduce((sum, length) => sum + length, 0)).toBe(256 * 1024 + 65536);
    expect(sent.length).toBe(2);
  });

  it.skipIf(process.platform === "win32")(
    "is given up when the program is interrupted, and nothing is left",
    async () => {
      isHanging = true;
      const ran = await program.run(["dehydrate", address, "out"], (child) => {
        onHang = () => void child.kill("SIGINT");
      });
      expect(ran.exitCode).toBe(130);
      expect(ran.stderr).toContain("interrupted (CLI_INTERRUPTED)");
      expect(program.names()).toEqual(["disk.qcow2"]);
    },
  );
});
