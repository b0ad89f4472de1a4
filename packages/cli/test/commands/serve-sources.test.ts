// What `qcow serve` serves: several images, snapshots, bitmaps, images at a server.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../process/folder.js";
import { qemuImg, skipsQemu } from "../process/qemu.js";
import { filled, tinyImage } from "../process/tiny-image.js";
import { outputOf, qemuIo, Serving, skips } from "./serving.js";

const folder = new Folder("serve-sources");
const start = (...args: string[]) => Serving.start(folder.path, args);
const copyOf = async (uri: string): Promise<Buffer> => {
  await outputOf("nbdcopy", uri, folder.at("copy.raw"));
  return folder.get("copy.raw");
};

beforeAll(() => {
  folder.put("one.qcow2", tinyImage({ clusters: new Map([[0, filled(1)]]) }));
  folder.put("two.qcow2", tinyImage({ clusters: new Map([[1, filled(2)]]) }));
  folder.put("encrypted.qcow2", tinyImage({ clusters: new Map([[0, filled(1)]]), encrypted: true }));
});

describe.skipIf(skips("nbdcopy") || skips("nbdinfo"))("several images (needs nbdcopy, nbdinfo)", () => {
  it("are exports of their names, and none is the default", async () => {
    await using server = await start("one.qcow2", "two=two.qcow2", "--socket", "s");
    const [one = "", two = ""] = server.lines;
    expect((await copyOf(one)).equals(await folder.disk("one.qcow2"))).toBe(true);
    expect((await copyOf(two)).equals(await folder.disk("two.qcow2"))).toBe(true);
    const uri = `nbd+unix:///?socket=${folder.at("s")}`;
    const { exports } = JSON.parse(await outputOf("nbdinfo", "--list", "--json", uri));
    expect(exports.map((each: Record<string, unknown>) => each["export-name"])).toEqual(["one.qcow2", "two"]);
    await expect(outputOf("nbdinfo", "--size", uri)).rejects.toThrow();
  });

  it("are not served when one of them cannot be", async () => {
    await expect(start("one.qcow2", "encrypted.qcow2", "--socket", "s")).rejects.toThrow("(QCOW2_ENCRYPTED)");
    await expect(start("one.qcow2", "none.qcow2", "--socket", "s")).rejects.toThrow("(BACKEND_NOT_FOUND)");
  });

  it("have a description each client can read", async () => {
    await using server = await start("one.qcow2", "--description", "the first", "--socket", "s");
    expect(await outputOf("nbdinfo", server.uri)).toContain("description: the first");
  });
});

describe.skipIf(skipsQemu || skips("nbdcopy"))("a snapshot (needs qemu-img, nbdcopy)", () => {
  it("is served by its name, read-only, as it was", async () => {
    await folder.json("create", "snap.qcow2", "--size", "4M");
    await folder.json("write", "snap.qcow2", "--offset", "0", "--text", "then");
    qemuImg(folder.path, "snapshot", "-c", "before", "snap.qcow2");
    await folder.json("write", "snap.qcow2", "--offset", "0", "--text", "now!");
    await using server = await start("snap.qcow2", "--snapshot", "before", "--socket", "s");
    expect((await copyOf(server.uri)).subarray(0, 4).toString()).toBe("then");
    await expect(qemuIo(server.uri, "write 0 512")).rejects.toThrow();
  });
});

describe.skipIf(skipsQemu || skips("nbdinfo"))("dirty bitmaps (needs qemu-img, nbdinfo)", () => {
  it("are contexts of a read-only image, and of no other", async () => {
    await folder.json("create", "dirty.qcow2", "--size", "4M");
    qemuImg(folder.path, "bitmap", "--add", "dirty.qcow2", "b0");
    await outputOf("qemu-io", "-c", "write 1M 64k", folder.at("dirty.qcow2"));
    await using server = await start("dirty.qcow2", "--socket", "s");
    const map = JSON.parse(await outputOf("nbdinfo", "--map=qemu:dirty-bitmap:b0", "--json", server.uri));
    expect(map.map(({ offset, length, type }: Record<string, number>) => [offset, length, type])).toEqual([
      [0, 2 ** 20, 0],
      [2 ** 20, 65536, 1],
      [2 ** 20 + 65536, 3 * 2 ** 20 - 65536, 0],
    ]);
    await server.end();
    await using writable = await start("dirty.qcow2", "--socket", "s", "--rw", "--json");
    expect(JSON.parse(writable.lines.join("\n"))).toMatchObject({ exports: [{ bitmaps: [] }] });
  });
});

describe("an image at a server", () => {
  it.skipIf(skips("nbdcopy"))("is read in parts while clients read it (needs nbdcopy)", async () => {
    const requests: (string | undefined)[] = [];
    const bytes = folder.get("one.qcow2");
    const http = createServer(({ headers }, response) => {
      requests.push(headers.range);
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
      const part = bytes.subarray(Number(first), Number(last) + 1);
      const range = `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`;
      response.writeHead(206, { etag: '"1"', "content-range": range }).end(part);
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/one.qcow2?key=s3cret`;
    await using server = await start(address, "--socket", "s", "--json", "--stats");
    const { exports } = JSON.parse(server.lines.join("\n"));
    expect((await copyOf(exports[0].uri)).equals(await folder.disk("one.qcow2"))).toBe(true);
    const { stdout, stderr } = await server.end();
    expect(requests.every((range) => range !== undefined)).toBe(true);
    expect(stdout).not.toContain("s3cret");
    expect(JSON.parse(stderr)).toMatchObject({ http: { requests: requests.length } });
    http.close();
    http.closeAllConnections();
  });

  it.each([
    ["is refused with --rw before anything is opened", ["none.qcow2", "http://127.0.0.1:9/x", "--rw"], 1],
    ["is served without --discard", ["http://127.0.0.1:9/x", "--discard"], 64],
  ])("%s", async (_title, words, exitCode) => {
    const ran = await folder.qcow("serve", ...words);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stderr).toContain(
      exitCode === 1 ? "(CLI_READ_ONLY_ADDRESS)" : "--discard needs --rw (CLI_USAGE)",
    );
  });
});
