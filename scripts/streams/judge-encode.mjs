// Judges encoding to a pipe on one random raw disk: QEMU finds the image sound and its disk the same, a second run has the
// same bytes, and so has one that reads from a pipe. Returns what is wrong.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { open, rm, stat, writeFile } from "node:fs/promises";
import { run } from "../bench/tool.mjs";
import { howItEnded } from "../corpus/command.mjs";

const MIB = 1024 * 1024;

/** Every so many disks, stdin and stdout are real pipes. */
const PIPED_EVERY = 10;

export async function judgeEncoded(seed, random, { path, cli, program }) {
  const raw = `${path}.raw`;
  const image = `${path}.qcow2`;
  await writeRaw(raw, random);
  const options = pickOptions(random);
  const args = ["encode", raw, "-", ...options];
  const replay = `seed ${seed}, ${args.join(" ")}`;
  try {
    const first = await cli(args);
    if (first.exit !== 0) return [`${replay}: ${howItEnded(first)}`];
    await writeFile(image, first.text);
    await run("qemu-img", ["check", "-q", "-f", "qcow2", image]);
    await run("qemu-img", ["compare", "-q", "-f", "raw", "-F", "qcow2", raw, image]);
    const digest = createHash("sha256").update(first.text).digest("hex");
    const again = await cli(args, { digest: true });
    const wrong = again.sha256 === digest ? [] : [`${replay}: other bytes in a second run`];
    if (seed % PIPED_EVERY > 0 || options.includes("--one-pass")) return wrong;
    const size = options.includes("full") ? ["--size", `${(await stat(raw)).size}`] : [];
    const piped = await throughPipes(program, raw, ["encode", "-", "-", ...options, ...size]);
    return piped === digest ? wrong : [...wrong, `${replay}: other bytes through pipes`];
  } catch (error) {
    return [`${replay}: ${error.message} ${error.stdout ?? ""}`];
  } finally {
    for (const name of [raw, image]) await rm(name, { force: true });
  }
}

/** A file of data, zeros and holes. */
async function writeRaw(path, random) {
  const file = await open(path, "w");
  const size = random.pick([512, 100_000, random.below(6 * MIB) + 1, random.below(6 * MIB) + 1]);
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, random.below(500_000) + 1);
    const dice = random.below(4);
    const bytes = new Uint8Array(length).fill(dice === 0 ? 0 : random.below(256));
    if (dice > 1) for (let each = 0; each < length; each += dice === 2 ? 1 : 50) bytes[each] = random.bits();
    if (dice > 0 || random.oneIn(2)) await file.write(bytes, 0, length, at);
    at += length;
  }
  // QEMU reads whole sectors.
  await file.truncate(Math.ceil(size / 512) * 512);
  await file.close();
}

function pickOptions(random) {
  const version2 = random.oneIn(5);
  const extended = !version2 && random.oneIn(4);
  const clusterBits = extended ? 14 + random.below(4) : random.pick([9, 12, 16, 16, 16, 18, 21]);
  const options = ["--cluster-size", `${2 ** clusterBits}`];
  if (version2) options.push("--compat", "0.10");
  else options.push("--refcount-bits", `${random.pick([1, 2, 4, 8, 16, 16, 32, 64])}`);
  if (extended) options.push("--extended-l2");
  options.push(
    ...random.pick([["--compress"], ["--compress"], [], ["--one-pass"], ["--preallocation", "full"]]),
  );
  if (!version2 && random.oneIn(2)) options.push("--compression-type", "zstd");
  if (random.oneIn(3)) options.push("--memory", "100K");
  return options;
}

/** The digest of what the program writes to a pipe, reading the file `input` from one. */
function throughPipes(program, input, args) {
  const line = 'cat "$0" | "$@" | cat';
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", line, input, process.execPath, program, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const hash = createHash("sha256");
    child.stdout.on("data", (chunk) => hash.update(chunk));
    child.on("error", reject);
    child.on("close", () => resolve(hash.digest("hex")));
  });
}
