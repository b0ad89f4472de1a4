// Reaching servers: what is sent, what is spent, and what is told of it.

import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { RemoteAccess } from "../src/remote-access.js";
import { REMOTE_FLAGS, type RemoteFlags, type RequestHeader } from "../src/remote-flags.js";

const BYTES = Buffer.alloc(300_000, 7);
const servers: Server[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A server with one file, which it sends in parts if `hasRanges`; resolves with its address. */
async function serve({ hasRanges = true, token = "" } = {}) {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer(({ headers }, response) => {
    seen.push(headers);
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
    if (token !== "" && headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
    } else if (range === null || !hasRanges) {
      response.writeHead(200, { "content-length": BYTES.length }).end(BYTES);
    } else {
      const start = Number(range[1]);
      const end = Math.min(Number(range[2]), BYTES.length - 1);
      response
        .writeHead(206, {
          "content-range": `bytes ${start}-${end}/${BYTES.length}`,
          "content-length": end - start + 1,
        })
        .end(BYTES.subarray(start, end + 1));
    }
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.qcow2`, seen };
}

function access(flags: RemoteFlags, trace?: (line: string) => void): RemoteAccess {
  return new RemoteAccess({ flags, trace });
}

async function parsed(input: string): Promise<RequestHeader> {
  const { parse } = REMOTE_FLAGS.header;
  return (await parse(input, {} as never, {} as never)) as unknown as RequestHeader;
}

describe("headers", () => {
  it("are sent to the server of the image, and to no other", async () => {
    const [own, other] = [await serve(), await serve()];
    const remote = access({ header: [{ name: "X-Key", value: "k" }] });
    await (await remote.open(own.url)).close();
    await (await remote.open(other.url)).close();
    expect(own.seen.map((headers) => headers["x-key"])).toEqual(["k"]);
    expect(other.seen.map((headers) => headers["x-key"])).toEqual([undefined]);
  });

  it("have the password of the image's address, for all files of its server and no other", async () => {
    const [own, other] = [await serve(), await serve()];
    const remote = access({});
    await (await remote.open(own.url.replace("://", "://reader:pass%20word@"))).close();
    await (await remote.open(own.url)).close();
    await (await remote.open(other.url)).close();
    const basic = `Basic ${btoa("reader:pass word")}`;
    expect(own.seen.map(({ authorization }) => authorization)).toEqual([basic, basic]);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it("have the token of --bearer-env, which is read again when the server refuses it", async () => {
    const { url, seen } = await serve({ token: "new" });
    vi.stubEnv("QCOW_TEST_TOKEN", "old");
    const remote = access({ "bearer-env": "QCOW_TEST_TOKEN" });
    const opening = remote.open(url);
    vi.stubEnv("QCOW_TEST_TOKEN", "new");
    await (await opening).close();
    expect(seen.at(-1)?.authorization).toBe("Bearer new");
    await expect(access({ "bearer-env": "QCOW_TEST_NONE" }).open(url)).rejects.toMatchObject({
      code: "CLI_USAGE",
    });
  });

  it("of the command line are one name and one value, whose secrets no error repeats", async () => {
    expect(await parsed("Authorization: Bearer a:b")).toEqual({ name: "Authorization", value: "Bearer a:b" });
    for (const bad of [
      "no colon",
      ": secret",
      "Bad Name: secret",
      "A: se\ncret",
      "Range: bytes=0-1",
      "A: se€cret",
    ]) {
      const error = await parsed(bad).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "CLI_USAGE" });
      expect(String(error)).not.toContain("cret");
    }
  });
});

describe("the budget", () => {
  it("is one for all files of a command", async () => {
    const { url, seen } = await serve();
    const remote = access({ "max-requests": 2 });
    await remote.open(url);
    await remote.open(url);
    await expect(remote.open(url)).rejects.toMatchObject({ code: "HTTP_BUDGET" });
    expect(seen).toHaveLength(2);
  });

  it("counts bytes before they are asked for", async () => {
    const { url, seen } = await serve();
    await expect(access({ "max-bytes": 1000 }).open(url)).rejects.toMatchObject({ code: "HTTP_BUDGET" });
    expect(seen).toHaveLength(0);
  });
});

describe("a server that sends no parts", () => {
  it("is refused, and with --download-whole read from a temporary file", async () => {
    const { url } = await serve({ hasRanges: false });
    await expect(access({}).open(url, { headBytes: 1000 })).rejects.toMatchObject({ code: "HTTP_NO_RANGES" });
    const backend = await access({ "download-whole": true }).open(url, { headBytes: 1000 });
    const bytes = new Uint8Array(10);
    await backend.read(BYTES.length - 10, bytes);
    expect([...bytes]).toEqual(Array(10).fill(7));
    await backend.close();
  });
});

describe("what is told", () => {
  it("are requests and bytes of all files", async () => {
    const { url } = await serve();
    const remote = access({});
    expect(remote.isUsed).toBe(false);
    const backend = await remote.open(url, { headBytes: 1000 });
    await backend.read(0, new Uint8Array(100));
    expect(remote.statistics).toMatchObject({ requests: 1, "bytes-received": 1000, "bytes-over-read": 900 });
    await backend.close();
  });

  it("is a line for each request, with nothing of the query", async () => {
    const { url } = await serve();
    const lines: string[] = [];
    await access({}, (line) => lines.push(line)).open(`${url}?signature=secret`);
    expect(lines.join("\n")).toMatch(/HTTP\.get 1 http.*disk\.qcow2/);
    expect(lines.join("\n")).not.toContain("secret");
  });
});

it("a proxy that the environment names is used, but not for hosts that it leaves out", async () => {
  const { url, seen } = await serve();
  const asked: string[] = [];
  const proxy = createServer().on("connect", ({ url: target = "" }, client) => {
    asked.push(target);
    const upstream = connect(Number(new URL(url).port), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
  });
  servers.push(proxy);
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("http_proxy", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  vi.stubEnv("no_proxy", "127.0.0.1");
  const backend = await access({}).open("http://images.invalid/disk.qcow2");
  expect(await backend.size()).toBe(BYTES.length);
  expect(asked).toEqual(["images.invalid:80"]);
  await (await access({}).open(url)).close();
  expect(asked).toHaveLength(1);
  expect(seen).toHaveLength(2);
});
