// Owns the server that the bench reads images from, and the lines of different lengths to it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePorts } from "../http/free-ports.mjs";
import { startNginx } from "../http/nginx.mjs";

const LINE = fileURLToPath(new URL("long-line.mjs", import.meta.url));

/** Chooses the addresses: `url(roundTripMs, file)` is known before `start(folder)`; `stop()` ends what was started. */
export async function benchServer(roundTrips) {
  const [port, otherPort, ...linePorts] = await freePorts(2 + roundTrips.length);
  const portOf = new Map(roundTrips.map((ms, index) => [ms, linePorts[index]]));
  const running = [];
  return {
    url: (ms, file) => `http://127.0.0.1:${portOf.get(ms)}/images/${file}`,
    async start(folder) {
      const nginx = await startNginx({ images: folder }, [port, otherPort]);
      running.push(nginx);
      for (const [ms, linePort] of portOf) running.push(await startLine(linePort, port, ms));
    },
    stop: () => Promise.all(running.splice(0).map((each) => each.stop())),
  };
}

async function startLine(port, target, ms) {
  const child = spawn(process.execPath, [LINE, `${port}`, `${target}`, `${ms}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const ready = new Promise((resolve) => child.stdout.once("data", () => resolve(true)));
  if ((await Promise.race([ready, ended])) !== true) throw new Error(`no line of ${ms} ms to the server`);
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return { stop };
}
