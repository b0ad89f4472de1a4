// TLS over real sockets: with keys of both sides, with certificates, and without what is needed.

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { systemClock } from "@qcow/backend-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NbdServer } from "../../src/index.js";
import { type Listener, listen, nodeTls, socketStream, type TlsOptions } from "../../src/node/index.js";
import { Command } from "../../src/protocol/index.js";
import { NbdClient } from "../nbd-client.js";
import { testExport } from "../test-export.js";
import { outputOf, skips } from "../tools.js";

const KEY = Buffer.from("00112233445566778899aabbccddeeff", "hex");

let folder: string;
let server: NbdServer;
let listener: Listener;
let closed: unknown[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "qcow-nbd-"));
});

afterEach(async () => {
  await listener.close();
  await server.close();
  await rm(folder, { recursive: true });
});

async function listening(tls: TlsOptions): Promise<void> {
  closed = [];
  server = new NbdServer({
    exports: new Map([["disk", testExport()]]),
    time: systemClock,
    tls: nodeTls(tls),
    observer: { connectionClosed: ({ error }) => closed.push(error) },
  });
  listener = await listen(server, { path: join(folder, "socket") });
}

/** A client that does the handshake of TLS and goes on behind it. */
async function secured(options: ConnectionOptions): Promise<NbdClient> {
  const socket = connect(join(folder, "socket"));
  const stream = socketStream(socket) as ReturnType<typeof socketStream> & { detach(): void };
  const plain = new NbdClient(stream);
  await plain.hello();
  expect(await plain.option({ kind: "list" })).toMatchObject([{ kind: "error", error: 0x8000_0005 }]);
  await plain.option({ kind: "startTls" });
  stream.detach();
  const secure = connectTls({ socket, ...options });
  await new Promise<void>((resolve, reject) => {
    secure.once("secureConnect", resolve).once("error", reject);
  });
  return new NbdClient(socketStream(secure));
}

async function expectToRead(client: NbdClient): Promise<void> {
  await client.option({ kind: "structuredReply" });
  expect(await client.option({ kind: "go", name: "disk", wanted: [] })).toMatchObject([{}, { kind: "ack" }]);
  const reply = await client.request(Command.read, 0, 200_000);
  expect(reply.data.every((byte) => byte === 0xaa)).toBe(true);
  client.stream.close();
}

describe("keys of both sides", () => {
  const psk = (identity: string, key: Buffer): ConnectionOptions => ({
    pskCallback: () => ({ identity, psk: key }),
    ciphers: "ECDHE-PSK-CHACHA20-POLY1305:TLS_AES_128_GCM_SHA256",
    checkServerIdentity: () => undefined,
    rejectUnauthorized: false,
  });

  it("let clients in that have one", async () => {
    await listening({ preSharedKeys: new Map([["alice", KEY]]) });
    await expectToRead(await secured(psk("alice", KEY)));
  });

  it.each([
    ["another key", "alice", Buffer.alloc(16)],
    ["a name that is unknown", "bob", KEY],
  ])("turn clients away that have %s", async (_title, name, key) => {
    await listening({ preSharedKeys: new Map([["alice", KEY]]) });
    await expect(secured(psk(name, key))).rejects.toThrow();
    await expect.poll(() => closed.length).toBe(1);
    expect(closed[0]).toBeInstanceOf(Error);
  });

  it.skipIf(skips("nbdinfo"))("are what libnbd has (needs nbdinfo)", async () => {
    await listening({ preSharedKeys: new Map([["alice", KEY]]) });
    await writeFile(join(folder, "keys.psk"), `alice:${KEY.toString("hex")}\n`);
    const uri = `nbds+unix://alice@/disk?socket=${join(folder, "socket")}&tls-psk-file=${join(folder, "keys.psk")}`;
    expect(await outputOf("nbdinfo", uri)).toContain("with TLS");
    await expect(outputOf("nbdinfo", `nbd+unix:///disk?socket=${join(folder, "socket")}`)).rejects.toThrow();
  });
});

describe.skipIf(skips("openssl"))("certificates (needs openssl)", () => {
  const file = (name: string) => readFile(join(folder, name), "utf8");

  function openssl(...args: string[]): void {
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  }

  /** An authority, and a server's and a client's certificates that it signed. */
  async function certificates(): Promise<void> {
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority");
    for (const name of ["server", "client"]) {
      openssl("req", ...ec, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-out",
        `${name}.pem`,
      );
    }
  }

  it("of the server are shown, and those of clients asked for", async () => {
    await certificates();
    const [key, cert, ca] = await Promise.all(["server.key", "server.pem", "ca.pem"].map(file));
    await listening({ key, cert, ca });
    const trusting = { ca, checkServerIdentity: () => undefined };
    const own = { key: await file("client.key"), cert: await file("client.pem") };
    await expectToRead(await secured({ ...trusting, ...own }));
    // With TLS 1.3 a client learns that it was turned away only when it goes on.
    await expect(secured(trusting).then(expectToRead)).rejects.toThrow();
  });
});

it("a client that stops in the midst of the handshake is left when its time is up", async () => {
  closed = [];
  server = new NbdServer({
    exports: new Map([["disk", testExport()]]),
    time: systemClock,
    tls: nodeTls({ preSharedKeys: new Map([["alice", KEY]]) }),
    limits: { handshakeMs: 50 },
    observer: { connectionClosed: ({ error }) => closed.push(error) },
  });
  listener = await listen(server, { path: join(folder, "socket") });
  const client = new NbdClient(socketStream(connect(join(folder, "socket"))));
  await client.hello();
  await client.option({ kind: "startTls" });
  await expect.poll(() => closed.length, { timeout: 20_000 }).toBe(1);
  expect(closed[0]).toMatchObject({ code: "NBD_TOO_SLOW" });
});
