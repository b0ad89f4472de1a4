#!/usr/bin/env node
// Owns the oracle: seeded workloads on real files over all geometries, by the engine and by qemu-io in turn on the same
// image, each session judged by qemu-img: check finds nothing, and the disk is what a plain model says.
//
//   node scripts/oracle.mjs [--seed N] [--runs N] [--jobs N]
//
// A failure prints the command that replays it.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasTool, run } from "./bench/tool.mjs";
import { inOrder } from "./corpus/pool.mjs";
import { describe, pickGeometry } from "./oracle/geometry.mjs";
import { makeImage } from "./oracle/make-image.mjs";
import { Random } from "./oracle/random.mjs";
import { ourSession, qemuSession } from "./oracle/sessions.mjs";

const SESSIONS = 4;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "100" },
    jobs: { type: "string", default: `${availableParallelism()}` },
  },
});

if (!hasTool("qemu-img") || !hasTool("qemu-io")) {
  console.log("SKIPPED: qemu-img and qemu-io are not here");
  process.exit(process.env.QCOW_REQUIRE_TOOLS ? 1 : 0);
}

const folder = await mkdtemp(join(tmpdir(), "qcow-oracle-"));
const seeds = Array.from({ length: Number(values.runs) }, (_, index) => Number(values.seed) + index);
const counts = { ours: 0, "qemu-io": 0, crashed: 0 };
let failures = 0;
try {
  await inOrder(seeds, Number(values.jobs), replay, (failure) => {
    if (failure === undefined) return;
    failures++;
    console.log(failure);
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(
  `${seeds.length} workloads: ${counts.ours} sessions of ours (${counts.crashed} left without closing), ${counts["qemu-io"]} of qemu-io; ${failures} failures`,
);
if (failures > 0) process.exitCode = 1;

/** One workload; resolves with what is wrong, if anything is. */
async function replay(seed) {
  const random = new Random(seed);
  const geometry = pickGeometry(random);
  const name = (ending) => join(folder, `${seed}.${ending}`);
  const paths = { image: name("qcow2"), backing: name("backing"), data: name("data"), raw: name("raw") };
  let doing = "make";
  try {
    let disk = await makeImage(geometry, paths, random);
    const first = disk.slice();
    for (let session = 0; session < SESSIONS; session++) {
      const byQemu = random.oneIn(3);
      const crash = !byQemu && random.oneIn(4);
      doing = `session ${session} (${byQemu ? "qemu-io" : crash ? "ours, left without closing" : "ours"})`;
      disk = byQemu
        ? await qemuSession(random, geometry, paths, disk)
        : await ourSession(random, geometry, paths, disk, { crash });
      counts[byQemu ? "qemu-io" : "ours"]++;
      if (crash) counts.crashed++;
      await judge(geometry, paths, disk, first, crash);
    }
    return undefined;
  } catch (error) {
    const detail = [error.message, error.stdout, error.stderr]
      .filter(Boolean)
      .map((text) => text.slice(0, 400))
      .join("\n  ");
    return `seed ${seed}: ${doing}: ${detail}\n  ${describe(geometry)}\n  replay: npm run oracle -- --seed ${seed} --runs 1`;
  } finally {
    for (const path of Object.values(paths)) await rm(path, { force: true });
  }
}

async function judge(geometry, paths, disk, first, crashed) {
  await judgeRefcounts(geometry, paths, crashed);
  await writeFile(paths.raw, disk);
  await run("qemu-img", ["compare", "-f", "qcow2", "-F", "raw", paths.image, paths.raw]);
  if (!geometry.snapshot) return;
  await run("qemu-img", ["convert", "-l", "first", "-O", "raw", paths.image, paths.raw]);
  const snapshot = await readFile(paths.raw);
  // QEMU converts as much as the disk has now.
  const length = Math.min(snapshot.length, first.length);
  if (Buffer.compare(snapshot.subarray(0, length), first.subarray(0, length)) !== 0)
    throw new Error("the snapshot holds other bytes");
}

/** Nothing may be wrong but for leaks after a crash, and refcounts that the dirty bit says are stale. */
async function judgeRefcounts({ lazyRefcounts }, paths, crashed) {
  try {
    await run("qemu-img", ["check", "-f", "qcow2", paths.image]);
  } catch (error) {
    if (!crashed || (error.code !== 3 && !lazyRefcounts)) throw error;
    const mode = lazyRefcounts ? "all" : "leaks";
    await run("qemu-img", ["check", "-f", "qcow2", "-r", mode, paths.image]);
  }
}
