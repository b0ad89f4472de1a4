// Images at a server, as a user reads them.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectSame, Folder } from "./folder.js";
import { filled, tinyImage } from "./tiny-image.js";

const folder = new Folder("remote");
const SECRET = "s3cret";
let server: Server;
let origin: string;
let requests: { method: string; url: string; key: string | undefined }[] = [];

/** Sends the files of the folder in parts. */
beforeAll(async () => {
  server = createServer(({ method = "", url = "", headers }, response) => {
    requests.push({ method, url, key: headers["x-key"] as string | undefined });
    const { pathname } = new URL(url, "http://host");
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
    let bytes: Buffer;
    try {
      bytes = folder.get(decodeURIComponent(pathname.slice(1)));
    } catch {
      return void response.writeHead(404).end();
    }
    const start = Number(range?.[1] ?? 0);
    const part = bytes.subarray(start, Number(range?.[2] ?? bytes.length) + 1);
    const contentRange = `bytes ${start}-${start + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { etag: '"1"', "content-range": contentRange }).end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder.put("disk.qcow2", tinyImage({ clusters: new Map([[0, filled(1)]]) }));
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Runs a command with the address of an image, which has a secret in it. */
async function remote(command: string, ...args: string[]) {
  requests = [];
  const address = `${origin}/disk.qcow2?signature=${SECRET}`;
  const ran = await folder.qcow(command, address, ...args);
  return { ...ran, text: ran.stdout.toString(), all: ran.stdout.toString() + ran.stderr };
}

describe("a command that reads", () => {
  it.each([
    ["info", "--filter", ".size"],
    ["check"],
    ["map", "--json"],
    ["mapped"],
    ["sha"],
    ["read", "--length", "2"],
  ])("%s says of an address what it says of the file", async (command, ...args) => {
    const ran = await remote(command, ...args);
    const local = await folder.qcow(command, "disk.qcow2", ...args);
    expect(ran.stderr).toBe("");
    expectSame(ran.stdout, local.stdout);
    expect(ran.exitCode).toBe(0);
    expect(requests.every(({ method }) => method === "GET")).toBe(true);
  });

  it("decodes what is at an address", async () => {
    expect((await remote("decode", "disk.raw")).exitCode).toBe(0);
    expectSame(folder.get("disk.raw"), await folder.disk("disk.qcow2"));
  });

  it("names the address without its secrets", async () => {
    for (const args of [
      ["info"],
      ["info", "--json"],
      ["check", "--json"],
      ["sha", "--json"],
      ["map"],
      ["info", "--trace"],
    ]) {
      const ran = await remote(args[0] as string, ...args.slice(1));
      expect(ran.exitCode).toBe(0);
      expect(ran.all).not.toContain(SECRET);
    }
    const gone = await folder.qcow("info", `${origin}/gone.qcow2?signature=${SECRET}`);
    expect(gone.exitCode).toBe(1);
    expect(gone.stderr).toContain("gone.qcow2");
    expect(gone.stderr).not.toContain(SECRET);
  });

  it("sends the headers of --header", async () => {
    await remote("info", "--header", "X-Key: k");
    expect(requests).toMatchObject([{ key: "k" }]);
  });

  it("stops at its budget", async () => {
    const ran = await remote("sha", "--max-bytes", "4K");
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain("HTTP_BUDGET");
  });
});

describe("--stats", () => {
  it("is a line on stderr, and a member of the JSON document", async () => {
    expect((await remote("info", "--stats")).stderr).toMatch(/^1 request, \d+ bytes received/);
    const ran = await remote("info", "--stats", "--json");
    expect(ran.stderr).toBe("");
    expect(JSON.parse(ran.text)).toMatchObject({ http: { requests: 1, retries: 0, redirects: 0 } });
  });

  it("is JSON on stderr where the document is a list", async () => {
    const ran = await remote("map", "--stats", "--json");
    expect(Array.isArray(JSON.parse(ran.text))).toBe(true);
    expect(JSON.parse(ran.stderr)).toMatchObject({ http: { requests: requests.length } });
  });
});

describe("files that an image at a server names", () => {
  it("are opened in its own folder at the server only", async () => {
    await folder.qcow("create", "top.qcow2", "-b", "disk.qcow2", "-F", "qcow2");
    requests = [];
    const ran = await folder.qcow("sha", `${origin}/top.qcow2`);
    expect(ran.stderr).toBe("");
    expect(requests.map(({ url }) => url)).toContain("/disk.qcow2");
    const refused = await folder.qcow("sha", `${origin}/top.qcow2`, "--backing", "deny");
    expect(refused.stderr).toContain("CLI_REFERENCE_REFUSED");
    const chain = await folder.qcow("info", `${origin}/top.qcow2`, "--backing-chain", "--json");
    expect(JSON.parse(chain.stdout.toString())).toMatchObject([{}, { filename: `${origin}/disk.qcow2` }]);
  });
});

describe("a command that writes", () => {
  it.each([
    ["write", "--text", "x"],
    ["discard"],
    ["compact"],
    ["repair"],
    ["check", "--repair", "all"],
    ["resize", "--size", "1M"],
    ["create", "--size", "1M"],
    ["encode"],
  ])("%s refuses an address before the first request", async (command, ...args) => {
    requests = [];
    const address = `${origin}/disk.qcow2`;
    const ran = await folder.qcow(command, ...(command === "encode" ? ["disk.raw"] : []), address, ...args);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toContain("CLI_READ_ONLY_ADDRESS");
    expect(requests).toEqual([]);
  });
});
