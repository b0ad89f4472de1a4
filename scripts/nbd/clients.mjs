// Owns what real clients do with a disk that is served for writing, and what must come of each. A step resolves with what
// there is to tell of it, and rejects when something is wrong.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasTool, run } from "../bench/tool.mjs";
import { Random } from "../oracle/random.mjs";
import { fio, totals, verifiedJob } from "./fio.mjs";

const MIB = 1024 * 1024;
export const DISK_BYTES = 128 * MIB;

/** Steps in order: a name, the tools that it needs, and what it does with `{ uri, folder, fioSeconds }`. */
export const STEPS = [
  ["nbdinfo", ["nbdinfo"], info],
  ["nbdcopy in, 4 connections", ["nbdcopy", "qemu-img"], copyIn],
  ["nbdcopy out, 4 connections", ["nbdcopy"], copyOut],
  ["qemu-img convert out", ["qemu-img"], convertOut],
  ["qemu-img convert in", ["qemu-img"], convertIn],
  ["qemu-img bench", ["qemu-img"], bench],
  ["qemu-io", ["qemu-io"], session],
  ["fio, verified", ["fio"], verified],
];

export const lacking = (tools) => tools.filter((tool) => !hasTool(tool));

/** A raw disk with data and holes. */
export async function makeRaw(folder, seed) {
  const random = new Random(seed);
  const bytes = Buffer.alloc(DISK_BYTES);
  for (let at = 0; at < DISK_BYTES; at += MIB) {
    if (random.below(3) === 0) continue;
    for (let word = at; word < at + MIB; word += 4) bytes.writeUInt32LE(random.bits(), word);
  }
  await writeFile(join(folder, `${seed}.raw`), bytes);
}

async function info({ uri }) {
  const { stdout } = await run("nbdinfo", ["--json", uri]);
  const [{ "export-size": size, is_read_only: readOnly, can_trim: trims }] = JSON.parse(stdout).exports;
  if (size !== DISK_BYTES || readOnly || !trims) throw new Error(`not what is served: ${stdout}`);
  return `${size} bytes`;
}

async function copyIn({ uri, folder }) {
  await makeRaw(folder, 1);
  await run("nbdcopy", ["--connections=4", join(folder, "1.raw"), uri]);
  return await sameAs(folder, "1.raw", uri);
}

async function copyOut({ uri, folder }) {
  await run("nbdcopy", ["--connections=4", uri, join(folder, "out.raw")]);
  return await sameFiles(folder, "1.raw", "out.raw");
}

async function convertOut({ uri, folder }) {
  await run("qemu-img", ["convert", "-f", "raw", "-O", "raw", uri, join(folder, "out.raw")]);
  return await sameFiles(folder, "1.raw", "out.raw");
}

async function convertIn({ uri, folder }) {
  await makeRaw(folder, 2);
  await run("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", join(folder, "2.raw"), uri]);
  return await sameAs(folder, "2.raw", uri);
}

async function bench({ uri }) {
  const how = ["-f", "raw", "-c", "4000", "-d", "32", "-s", "4096", "-S", "65536"];
  const times = [];
  for (const options of [[], ["-w"], ["-w", "--flush-interval=128"]]) {
    const { stdout } = await run("qemu-img", ["bench", ...how, ...options, uri]);
    times.push(/in ([0-9.]+) seconds/.exec(stdout)?.[1]);
  }
  return `4000 reads ${times[0]} s, writes ${times[1]} s, with flushes ${times[2]} s`;
}

async function session({ uri }) {
  const commands = [
    "write -P 5 4M 2M",
    "write -f -P 6 8M 64k",
    "write -z 4M 64k",
    "write -z -u 4160k 64k",
    "discard 5M 64k",
    "flush",
    "read -P 6 8M 64k",
    "read -P 0 4M 128k",
    "read -P 0 5M 64k",
    "read -P 5 5184k 512k",
    "aio_write -P 9 10M 1M",
    "aio_write -P 9 11M 1M",
    "aio_flush",
    "read -P 9 10M 2M",
  ];
  const { stdout } = await run("qemu-io", ["-f", "raw", ...commands.flatMap((each) => ["-c", each]), uri]);
  if (/failed|error/i.test(stdout)) throw new Error(stdout);
  return `${commands.length} commands`;
}

async function verified({ uri, fioSeconds, folder }) {
  const job = verifiedJob({ uri, seconds: fioSeconds, size: DISK_BYTES / 2 });
  const jobs = await fio(job, { cwd: folder, seconds: fioSeconds });
  const [read, write] = [totals(jobs, "read"), totals(jobs, "write")];
  return (
    `${fioSeconds} s: ${read.operations} reads, ${write.operations} writes; ` +
    `p99 ${read.p99Ms.toFixed(1)} and ${write.p99Ms.toFixed(1)} ms`
  );
}

async function sameAs(folder, file, uri) {
  await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", join(folder, file), uri]);
  return "identical";
}

async function sameFiles(folder, one, other) {
  const [a, b] = await Promise.all([one, other].map((name) => sha256(join(folder, name))));
  if (a !== b) throw new Error(`${other} differs from ${one}`);
  return "identical";
}

async function sha256(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
