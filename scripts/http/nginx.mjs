// Owns one private nginx: its folder, its ports, its start and its end. What it serves, configuration.mjs says.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AccessLog } from "./access-log.mjs";
import { CREDENTIALS, configuration } from "./configuration.mjs";
import { freePorts } from "./free-ports.mjs";

const START_MS = 10_000;
const POLL_MS = 20;
/** The shell ends nginx when the pipe to us closes, so that it never outlives us, however we end. */
const GUARD = 'exec 3<&0; nginx "$@" & n=$!; { read -r _ <&3; kill -TERM $n; } & wait $n';

/**
 * Starts nginx for `folders` (name -> absolute path), at two `ports` if they are given. Gives `url(path)`, the `log`, and
 * `stop()`; `otherPort` is that of its second origin.
 */
export async function startNginx(folders, ports) {
  const prefix = await mkdtemp(join(tmpdir(), "qcow-nginx-"));
  const [port, otherPort] = ports ?? (await freePorts(2));
  const text = configuration({ prefix, port, otherPort, folders, runsAsRoot: process.getuid?.() === 0 });
  await writeFile(join(prefix, "nginx.conf"), text);
  await writeFile(join(prefix, "users"), `${CREDENTIALS.user}:{PLAIN}${CREDENTIALS.password}\n`);
  const url = (path) => `http://127.0.0.1:${port}/${path}`;
  const { ended, child } = launch(prefix);
  const stop = async () => {
    child.stdin.end();
    await ended;
    await rm(prefix, { recursive: true, force: true });
  };
  try {
    await Promise.race([answering(url("mark/start")), ended.then((code) => failed(prefix, code))]);
  } catch (error) {
    await stop();
    throw error;
  }
  const mark = (name) => fetch(url(`mark/${name}`)).then((response) => response.arrayBuffer());
  return { url, port, otherPort, log: new AccessLog(join(prefix, "access.log"), mark), stop };
}

function launch(prefix) {
  const options = ["-p", prefix, "-c", join(prefix, "nginx.conf"), "-e", join(prefix, "error.log")];
  const child = spawn("/bin/sh", ["-c", GUARD, "nginx", ...options], {
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, PATH: [process.env.PATH, "/usr/sbin", "/sbin"].join(delimiter) },
    // Signals of the terminal are for us; we close the pipe.
    detached: true,
  });
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code));
  });
  return { child, ended };
}

async function failed(prefix, code) {
  const log = await readFile(join(prefix, "error.log"), "utf8").catch(() => "");
  throw new Error(`nginx ended with ${code}: ${log.trim()}`);
}

async function answering(url) {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const answered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    if (performance.now() > deadline) throw new Error("nginx does not answer");
    await sleep(POLL_MS);
  }
}
