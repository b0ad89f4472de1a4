#!/usr/bin/env node
import { spawn } from "node:child_process";
// Owns the proof with a real guest: a Linux boots in QEMU, without acceleration, with an ext4 disk that `qcow serve` serves
// with compaction on. It writes files, deletes half, runs fstrim, reads while the image is being compacted, writes more, and
// powers off. Then the image must be clean for QEMU, the file system for fsck, every file as the guest had it, and the image's
// file shorter than it was.
//
//   node scripts/guest.mjs [--keep]
//
// Needs Debian: qemu-system-x86, e2fsprogs, and apt for a kernel and busybox, which are not installed.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasTool, run } from "./bench/tool.mjs";
import { debianKernel } from "./guest/debian-kernel.mjs";
import { cpioArchive } from "./guest/initrd.mjs";
import { startServing } from "./nbd/serving.mjs";

const PROGRAM = fileURLToPath(new URL("../packages/cli/bin/run.js", import.meta.url));
const INIT = new URL("guest/init.sh", import.meta.url);
const TOOLS = ["qemu-system-x86_64", "qemu-img", "mke2fs", "fsck.ext4", "debugfs", "apt-get", "dpkg-deb"];
const DISK_BYTES = 512 * 1024 * 1024;
const TIME_LIMIT_MS = 300_000;
const LOOK_MS = 100;

const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });
const lacking = TOOLS.filter((tool) => !hasTool(tool));
if (lacking.length > 0) {
  console.log(`SKIPPED: ${lacking.join(", ")} missing`);
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}
const started = performance.now();
const folder = await mkdtemp(join(tmpdir(), "qcow-guest-run-"));
try {
  await main();
} finally {
  if (values.keep) console.log(`kept: ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}

async function main() {
  const guest = await debianKernel();
  await writeFile(join(folder, "initrd"), await initrdOf(guest));
  await makeDisk();
  tell("the disk is made");
  const flags = ["--rw", "--discard", "--compact-after", "4M", "--socket", join(folder, "socket")];
  const server = await startServing(["disk.qcow2", ...flags], { cwd: folder });
  const watched = watchSize(join(folder, "disk.qcow2"));
  try {
    await boot(guest.kernel, server.uri);
  } catch (error) {
    server.kill();
    throw error;
  } finally {
    watched.stop();
  }
  const { longest, last } = watched;
  await server.stop();
  const { size } = await stat(join(folder, "disk.qcow2"));
  const files = await judge();
  tell(`${files} files as the guest had them; the image is clean, and so is the file system`);
  tell(`the file had ${longest} bytes at most, ${last} when the guest was done, and has ${size}`);
  if (last >= longest) throw new Error("the file did not shrink while it was served");
}

function tell(line) {
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${line}`);
}

async function initrdOf({ modules, busybox }) {
  const order = modules.map(({ name }) => `${name}\n`).join("");
  return cpioArchive([
    { name: "bin" },
    { name: "bin/busybox", bytes: busybox, mode: 0o755 },
    { name: "modules" },
    { name: "modules/order", bytes: Buffer.from(order) },
    ...modules.map(({ name, bytes }) => ({ name: `modules/${name}.ko`, bytes })),
    { name: "init", bytes: await readFile(INIT), mode: 0o755 },
  ]);
}

async function makeDisk() {
  const raw = join(folder, "disk.raw");
  const file = await open(raw, "w");
  await file.truncate(DISK_BYTES);
  await file.close();
  await run("mke2fs", ["-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-F", raw]);
  await run(process.execPath, [PROGRAM, "encode", raw, join(folder, "disk.qcow2")]);
  await rm(raw);
}

/** Runs the guest to its end; rejects unless it says that it was done. */
async function boot(kernel, uri) {
  const machine = ["-accel", "tcg", "-m", "192", "-display", "none", "-serial", "stdio", "-monitor", "none"];
  const drive = `file=${uri},format=raw,if=virtio,discard=unmap`;
  const append = "console=ttyS0 quiet panic=-1";
  const child = spawn(
    "qemu-system-x86_64",
    [...machine, "-no-reboot", "-drive", drive, "-kernel", kernel, "-initrd", join(folder, "initrd")].concat(
      "-append",
      append,
    ),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), TIME_LIMIT_MS);
  const exited = once(child, "close");
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith("GUEST: ")) tell(line);
  }
  const [code] = await exited;
  clearTimeout(timer);
  if (code !== 0 || !lines.includes("GUEST: done"))
    throw new Error(`the guest did not come to its end:\n${lines.slice(-30).join("\n")}`);
}

/** How long the file at `path` is, now and then. */
function watchSize(path) {
  const watched = { longest: 0, last: 0, stop: () => clearInterval(timer) };
  const look = async () => {
    watched.last = (await stat(path)).size;
    watched.longest = Math.max(watched.longest, watched.last);
  };
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  return watched;
}

/** Judges what was left; resolves with the number of files that are as they should be. */
async function judge() {
  const [image, raw] = [join(folder, "disk.qcow2"), join(folder, "after.raw")];
  await run("qemu-img", ["check", "-q", image]);
  await run(process.execPath, [PROGRAM, "decode", image, raw]);
  await run("fsck.ext4", ["-fn", raw]);
  await run("debugfs", ["-R", `rdump / ${folder}`, raw]);
  const sums = (await readFile(join(folder, "sums"), "utf8")).trim().split("\n");
  for (const line of sums) {
    const [sum, name] = line.split("  ");
    const actual = createHash("sha256")
      .update(await readFile(join(folder, name)))
      .digest("hex");
    if (actual !== sum) throw new Error(`${name} is not what the guest wrote`);
  }
  return sums.length;
}
