// `qcow serve` over TLS, with certificates and with keys of both sides, as libnbd and QEMU use it.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../process/folder.js";
import { filled, tinyImage } from "../process/tiny-image.js";
import { outputOf, Serving, skips } from "./serving.js";

const folder = new Folder("serve-tls");
const start = (...args: string[]) => Serving.start(folder.path, ["disk.qcow2", ...args]);
const KEY = "00112233445566778899aabbccddeeff";

beforeAll(() => {
  folder.put("disk.qcow2", tinyImage({ clusters: new Map([[0, filled(7)]]) }));
  folder.put("keys.psk", Buffer.from(`# one each\nalice:${KEY}\n`));
});

/** An authority, and certificates of a server and of a client, in folders as GnuTLS clients want them. */
function certificates(): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder.path, stdio: "pipe" });
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  mkdirSync(folder.at("pki"), { recursive: true });
  openssl("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "pki/ca-cert.pem", "-subj", "/CN=authority");
  for (const name of ["server", "client"]) {
    folder.put(`${name}.ext`, Buffer.from("subjectAltName=DNS:localhost,IP:127.0.0.1\n"));
    openssl("req", ...ec, "-keyout", `pki/${name}-key.pem`, "-out", `${name}.csr`, "-subj", "/CN=localhost");
    const signed = ["-CA", "pki/ca-cert.pem", "-CAkey", "ca.key", "-extfile", `${name}.ext`];
    openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-out", `pki/${name}-cert.pem`);
  }
}

describe.skipIf(skips("openssl") || skips("nbdinfo"))("certificates (needs openssl, nbdinfo)", () => {
  const tls = ["--tls-cert", "pki/server-cert.pem", "--tls-key", "pki/server-key.pem"];
  const credentials = () => `tls-certificates=${folder.at("pki")}`;

  beforeAll(certificates);

  it("let libnbd in, and nobody without TLS", async () => {
    await using server = await start(...tls, "--tls-ca", "pki/ca-cert.pem", "--port", "0");
    expect(server.uri).toMatch(/^nbds:\/\/127\.0\.0\.1:\d+$/);
    const uri = `${server.uri}?${credentials()}`;
    expect(await outputOf("nbdinfo", uri)).toContain("with TLS");
    await expect(outputOf("nbdinfo", "--size", server.uri.replace("nbds", "nbd"))).rejects.toThrow();
    expect(await server.end()).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("are no duty with --tls-optional", async () => {
    await using server = await start(...tls, "--tls-optional", "--port", "0");
    expect(server.uri).toMatch(/^nbd:/);
    expect(await outputOf("nbdinfo", "--size", server.uri)).toBe("65536\n");
    const uri = `${server.uri.replace("nbd:", "nbds:")}?${credentials()}`;
    expect(await outputOf("nbdinfo", "--size", uri)).toBe("65536\n");
  });

  it("let QEMU in (needs qemu-img)", async () => {
    if (skips("qemu-img")) return;
    await using server = await start(...tls, "--port", "0");
    const { port } = new URL(server.uri);
    const [object, image] = [
      `tls-creds-x509,id=tls0,dir=${folder.at("pki")},endpoint=client,verify-peer=yes`,
      `driver=nbd,host=localhost,port=${port},tls-creds=tls0`,
    ];
    const info = await outputOf(
      "qemu-img",
      "info",
      "--output=json",
      "--object",
      object,
      "--image-opts",
      image,
    );
    expect(JSON.parse(info)).toMatchObject({ "virtual-size": 65536 });
  });
});

describe.skipIf(skips("nbdcopy"))("keys of both sides (needs nbdcopy)", () => {
  it("let a client in that has one", async () => {
    await using server = await start("--tls-psk", "keys.psk", "--socket", "s");
    expect(server.uri).toMatch(/^nbds\+unix:/);
    const uri = `nbds+unix://alice@/?socket=${folder.at("s")}&tls-psk-file=${folder.at("keys.psk")}`;
    await outputOf("nbdcopy", uri, folder.at("copy.raw"));
    expect(folder.get("copy.raw").equals(await folder.disk("disk.qcow2"))).toBe(true);
    await expect(outputOf("nbdcopy", uri.replace("alice", "bob"), folder.at("no.raw"))).rejects.toThrow();
  });
});

describe("what makes no sense", () => {
  it.each([
    [["--tls-cert", "keys.psk"], "need each other (CLI_USAGE)"],
    [["--tls-ca", "keys.psk"], "--tls-ca needs --tls-cert and --tls-key (CLI_USAGE)"],
    [["--tls-optional"], "--tls-optional needs --tls-cert or --tls-psk (CLI_USAGE)"],
    [["--tls-psk", "none"], "cannot read none: ENOENT (CLI_BAD_CREDENTIALS)"],
    [["--tls-psk", "disk.qcow2"], "line 1: not USER:KEY with the key in hexadecimal (CLI_BAD_CREDENTIALS)"],
    [["--tls-cert", "keys.psk", "--tls-key", "keys.psk"], "(CLI_BAD_CREDENTIALS)"],
  ])("%j is told in one line", async (flags, message) => {
    await expect(start(...flags, "--socket", "s")).rejects.toThrow(message);
  });
});
