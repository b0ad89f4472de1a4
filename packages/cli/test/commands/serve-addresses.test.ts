// Where `qcow serve` listens, and where it does not.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../process/folder.js";
import { PROGRAM } from "../process/run-qcow.js";
import { filled, tinyImage } from "../process/tiny-image.js";
import { outputOf, Serving, skips } from "./serving.js";

const folder = new Folder("serve-addresses");
const start = (...args: string[]) => Serving.start(folder.path, ["disk.qcow2", ...args]);

beforeAll(() => {
  folder.put("disk.qcow2", tinyImage({ clusters: new Map([[0, filled(7)]]) }));
});

describe("a Unix socket", () => {
  it("that a dead server left is taken over", async () => {
    await using dead = await start("--socket", "stale");
    await dead.end("SIGKILL");
    await using server = await start("--socket", "stale");
    expect(await server.end()).toMatchObject({ exitCode: 0 });
  });

  it("of a server that lives is left to it", async () => {
    await using server = await start("--socket", "live");
    await expect(start("--socket", "live")).rejects.toThrow(
      /^qcow: a server listens on live already \(CLI_CANNOT_LISTEN\)\n$/,
    );
    await using again = await start("--socket", "other");
    expect(again.uri).not.toBe(server.uri);
  });

  it("does not take the place of a file", async () => {
    folder.put("file", Buffer.from("precious"));
    await expect(start("--socket", "file")).rejects.toThrow("(CLI_CANNOT_LISTEN)");
    expect(folder.get("file").toString()).toBe("precious");
  });

  it.each(["none/s", "x".repeat(120)])("at %s cannot be, which is told", async (path) => {
    await expect(start("--socket", path)).rejects.toThrow(/^qcow: .+ \(CLI_CANNOT_LISTEN\)\n/);
  });
});

describe("a TCP port", () => {
  it("that is in use is told of, and what to do", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(start("--port", String(port))).rejects.toThrow(
      `qcow: cannot listen on port ${port} of 127.0.0.1: the address is in use (CLI_CANNOT_LISTEN)\nChoose another port`,
    );
    other.close();
  });

  it("for other machines comes with a warning, since nobody is kept out", async () => {
    await using server = await start("--port", "0", "--host", "0.0.0.0");
    expect((await server.end()).stderr).toMatch(
      /^Warning: whoever can connect to 0\.0\.0\.0 can read the images/,
    );
  });
});

/** Listens as systemd does and hands the socket over; while it waits for the program, it accepts nothing itself. */
const ACTIVATE = `
const [path, ...program] = process.argv.slice(1);
const server = require("node:net").createServer().listen(path, () => {
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"';
  const stdio = ["ignore", "inherit", "inherit", server._handle.fd];
  process.exitCode = require("node:child_process").spawnSync("sh", ["-c", script, ...program], { stdio }).status;
  server.close();
});
`;

describe("a socket that is handed over", () => {
  it.skipIf(skips("nbdcopy"))("by libnbd is served, and stdout is the client's (needs nbdcopy)", async () => {
    const args = ["--", "[", process.execPath, PROGRAM, "serve", folder.at("disk.qcow2"), "]"];
    await outputOf("nbdcopy", ...args, folder.at("copy.raw"));
    expect(folder.get("copy.raw").equals(await folder.disk("disk.qcow2"))).toBe(true);
    const child = spawn("nbdcopy", [...args, "-"], { stdio: ["ignore", "pipe", "inherit"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    expect(await once(child, "close")).toEqual([0, null]);
    expect(Buffer.concat(chunks).equals(folder.get("copy.raw"))).toBe(true);
  });

  it.skipIf(skips("nbdinfo"))("is served until a signal comes (needs nbdinfo)", async () => {
    const socket = folder.at("handed");
    const program = [process.execPath, PROGRAM, "serve", folder.at("disk.qcow2"), "--json"];
    const helper = spawn(process.execPath, ["-e", ACTIVATE, socket, ...program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [text] = await once(helper.stdout, "data");
    const document = JSON.parse(String(text));
    try {
      expect(document.exports).toMatchObject([{ name: "", "virtual-size": 65536 }]);
      expect(await outputOf("nbdinfo", "--size", `nbd+unix:///?socket=${socket}`)).toBe("65536\n");
    } finally {
      process.kill(document.pid, "SIGTERM");
    }
    expect(await once(helper, "close")).toEqual([0, null]);
  });
});
