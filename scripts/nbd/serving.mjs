// Owns a `qcow serve` process: starting it, what it said when it was ready, how much memory it has, and its end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../packages/cli/bin/run.js", import.meta.url));
const END_MS = 60_000;

/** Resolves once clients may come, with the document of `--json` as `document`; rejects with what is on stderr. */
export async function startServing(args, { cwd, program = PROGRAM } = {}) {
  const child = spawn(process.execPath, [program, "serve", ...args, "--json"], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = once(child, "close");
  const ready = new Promise((resolve) => {
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      if (stdout.endsWith("}\n")) resolve(JSON.parse(stdout));
    });
  });
  const document = await Promise.race([ready, ended]);
  if (document.error !== undefined) throw new Error(`${document.error.message} (${document.error.code})`);
  if (Array.isArray(document)) throw new Error(stderr.trim() || `serve ended with ${document[0]}`);
  return {
    document,
    /** The address of the first export. */
    uri: document.exports[0].uri,
    /** What it has said on stderr so far. */
    stderr: () => stderr,
    /** Resident memory in bytes. */
    rssBytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
    },
    /** Processor time so far, in seconds. */
    cpuSeconds: async () => {
      const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
      // What follows the name: user and system time are the 14th and 15th field of all, in hundredths.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    /** Ends it in peace; rejects unless it ends with 0 and has said nothing on stderr. */
    async stop() {
      const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
      child.kill("SIGTERM");
      const [code, signal] = await ended;
      clearTimeout(timer);
      if (code !== 0 || stderr !== "")
        throw new Error(`serve ended with ${signal ?? code}: ${stderr.split("\n")[0]}`);
    },
    kill: () => child.kill("SIGKILL"),
  };
}
