// Runs commands of the bundle one after the other in one process, because starting a process costs more than most of them.
// Owns that none notices those before it: each has the bundle evaluated anew, and streams and an exit code of its own.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";

const [root] = process.argv.slice(2);
const { loadDirect } = (await import(pathToFileURL(join(root, "bin/load-direct.js")))).default;
const { name, version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

process.on("message", async ({ args, digest, cwd }) => {
  process.chdir(cwd);
  process.send(await ended(args, digest));
});

async function ended([command, ...rest], digest) {
  const stdout = replaced("stdout", digest);
  const stderr = replaced("stderr", false);
  process.exitCode = 0;
  try {
    await loadDirect(root).runDirect(command, rest, { root, name, version });
  } catch (error) {
    stderr.write(`qcow: internal error: ${error?.stack}\n`);
    process.exitCode = 70;
  }
  const exit = process.exitCode;
  process.exitCode = 0;
  return { exit, signal: null, timedOut: false, stderr: stderr.taken().text.toString(), ...stdout.taken() };
}

/** Puts a stream in place of that of the process; `taken()` gives what was written to it, or its digest. */
function replaced(name, digest) {
  const chunks = [];
  const hash = createHash("sha256");
  let bytes = 0;
  const stream = new Writable({
    write(chunk, _encoding, done) {
      bytes += chunk.length;
      if (digest) hash.update(chunk);
      else chunks.push(Buffer.from(chunk));
      done();
    },
  });
  stream.taken = () =>
    digest ? { sha256: hash.digest("hex"), bytes } : { text: Buffer.concat(chunks), bytes };
  Object.defineProperty(process, name, { value: stream, configurable: true, writable: true });
  return stream;
}
