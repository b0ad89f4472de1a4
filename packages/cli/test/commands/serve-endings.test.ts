// What ends `qcow serve`: its first client, the command it runs, signals.

import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../process/folder.js";
import { runQcow } from "../process/run-qcow.js";
import { filled, tinyImage } from "../process/tiny-image.js";
import { outputOf, Serving, skips } from "./serving.js";

const folder = new Folder("serve-endings");
const start = (...args: string[]) => Serving.start(folder.path, ["disk.qcow2", ...args]);

beforeAll(() => {
  folder.put("disk.qcow2", tinyImage({ clusters: new Map([[0, filled(7)]]) }));
});

describe("--once", () => {
  it.skipIf(skips("nbdcopy"))(
    "ends with the first client, with all its connections (needs nbdcopy)",
    async () => {
      await using server = await start("--socket", "s", "--once");
      await outputOf("nbdcopy", "--connections=4", server.uri, folder.at("copy.raw"));
      expect(await server.ended).toMatchObject({ exitCode: 0, stderr: "" });
      expect(folder.get("copy.raw").equals(await folder.disk("disk.qcow2"))).toBe(true);
    },
  );

  it.skipIf(skips("nbdinfo"))("goes on after somebody who is no client (needs nbdinfo)", async () => {
    await using server = await start("--socket", "s", "--once");
    const stranger = connect(folder.at("s"));
    stranger.on("error", () => undefined);
    await new Promise((resolve) => stranger.once("data", resolve));
    stranger.end("no client of NBD");
    await new Promise((resolve) => stranger.once("close", resolve));
    expect(await outputOf("nbdinfo", "--size", server.uri)).toBe("65536\n");
    expect(await server.ended).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe("--run", () => {
  const run = (...args: string[]) => folder.qcow("serve", "disk.qcow2", ...args);

  it("gives the command the address, passes its output and exit code on, and leaves no socket", async () => {
    const ran = await run("--run", 'echo "$uri $nbd [$port]"; test -S "$unixsocket" && exit 7');
    const [uri = "", nbd = "", port] = ran.stdout.toString().trim().split(" ");
    const socket = nbd.slice("nbd:unix:".length);
    expect({ uri, port, exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({
      uri: `nbd+unix:///?socket=${socket}`,
      port: "[]",
      exitCode: 7,
      stderr: "",
    });
    expect(existsSync(dirname(socket))).toBe(false);
  });

  it("takes another address, and names the first export", async () => {
    const echo = 'echo "$uri $port $nbd"';
    const ran = await folder.qcow("serve", "a b=disk.qcow2", "x=disk.qcow2", "--port", "0", "--run", echo);
    const [, port] = ran.stdout.toString().split(" ");
    expect(ran.stdout.toString()).toBe(
      `nbd://127.0.0.1:${port}/a%20b ${port} nbd:127.0.0.1:${port}:exportname=a b\n`,
    );
  });

  it.skipIf(skips("nbdcopy"))(
    "lets the command write to the pipe that is stdout (needs nbdcopy)",
    async () => {
      const ran = await run("--run", 'nbdcopy "$uri" -');
      expect(ran.stdout.equals(await folder.disk("disk.qcow2"))).toBe(true);
    },
  );

  it("tells of a command that a signal ended as shells do", async () => {
    expect((await run("--run", "kill -KILL $$")).exitCode).toBe(128 + 9);
  });

  it("asks the command to end when it is told to", async () => {
    const script = 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done';
    const ran = await runQcow(["serve", "disk.qcow2", "--run", script], {
      cwd: folder.path,
      onStart: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
    });
    expect(ran.exitCode).toBe(3);
  });

  it("asks what the command has started, too", async () => {
    // Whoever keeps stdout open keeps the run from being over.
    const ran = await runQcow(["serve", "disk.qcow2", "--run", "echo ready; sleep 600; true"], {
      cwd: folder.path,
      onStart: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
    });
    expect(ran.exitCode).toBe(128 + 15);
  });

  it("leaves no folder behind when a second signal ends it, whatever the command does", async () => {
    const script =
      'trap "echo told" TERM; echo "$unixsocket"; while kill -0 "$PPID" 2>/dev/null; do sleep 0.1; done';
    const ran = await runQcow(["serve", "disk.qcow2", "--run", script], {
      cwd: folder.path,
      onStart: (child) => child.stdout?.on("data", () => child.kill("SIGTERM")),
    });
    const [socket = "", told] = ran.stdout.toString().split("\n");
    expect({ told, exitCode: ran.exitCode }).toEqual({ told: "told", exitCode: 130 });
    expect(existsSync(dirname(socket))).toBe(false);
  });
});

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s ends it with 0 and takes the socket away",
    async (name) => {
      await using server = await start("--socket", "s", "--rw");
      const client = connect(folder.at("s"));
      client.on("error", () => undefined);
      await new Promise((resolve) => client.once("data", resolve));
      expect(await server.end(name)).toMatchObject({ exitCode: 0, stderr: "" });
      expect(existsSync(folder.at("s"))).toBe(false);
    },
  );
});
