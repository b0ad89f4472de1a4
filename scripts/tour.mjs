// Owns: the short tour that `npm start` gives without arguments: the main job, done on the sample image that the
// project ships, with plain words around it. Does not own: the commands it shows.
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { root, runNode } from "./workspace.mjs";

const image = join("sample", "disk.qcow2");
const knownHash = readFileSync(join(root, "sample", "disk.sha256"), "utf8").trim();

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** Shows a command and what it prints; a failing one ends the tour. */
async function show(cli, why, args) {
  say(`\n${why}\n\n$ qcow ${args.join(" ")}`);
  const { code, text } = await runNode(cli, args, { output: "capture" });
  process.stdout.write(text);
  if (code !== 0) throw new Error(`"qcow ${args[0]}" ended with exit code ${code}; it should have been 0.`);
  return text;
}

async function hashOf(file) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

async function showDecode(cli, folder) {
  const out = join(folder, "disk.raw");
  await show(cli, "4. Decode it: the raw disk, ready to mount or to boot.", ["decode", image, out]);
  const found = await hashOf(out);
  say(`\n   SHA-256 of the raw disk   ${found}`);
  say(`   what it has to be         ${knownHash}`);
  if (found !== knownHash) throw new Error("the decoded disk is not the one that went in.");
  say("   The same: every byte is right.");
}

function nextSteps() {
  say(`
That was the tour. Now with an image of yours:

  npm start -- info IMAGE              what is in the header
  npm start -- check IMAGE             is it sound? (never writes)
  npm start -- decode IMAGE out.raw    the raw disk
  npm start -- sha IMAGE               a digest of the disk
  npm start -- --help                  every command

No image at hand? Use ${image} as IMAGE, in ${relative(process.env.INIT_CWD ?? root, root) || "this folder"}.`);
}

/** Runs the tour; resolves with the exit code. Its only output file is in a temporary folder, removed at the end. */
export async function tour(cli) {
  const folder = mkdtempSync(join(tmpdir(), "qcow-tour-"));
  try {
    say(`A tour of qcow, on ${image}: an 8 MiB ext4 disk in a compressed qcow2 image of 116 KiB.`);
    await show(cli, "1. What is it?", ["info", image]);
    await show(cli, "2. Is it sound? Every reference and every refcount is compared.", ["check", image]);
    await show(cli, "3. Where is data, where is nothing?", ["map", image]);
    await showDecode(cli, folder);
    nextSteps();
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
