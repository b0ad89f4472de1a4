// Owns measuring one job: a warm-up in which the answers are compared, then the timed pairs and their summary.
import { closeSync, openSync } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileSha256 } from "../corpus/fingerprint.mjs";
import { interleaved, spread, timedRun } from "./timing.mjs";
import { run } from "./tool.mjs";

/** Runs a job; without a peer only our own times are there. Rejects when a command fails or answers differ. */
export async function measure(job, { folder, scratch, rounds, hasPeer }) {
  const timed = (command) => () => timedRun(command, { cwd: folder, stdout: "ignore" });
  const clean = async () => {
    if (job.output !== undefined) await rm(job.output, { force: true });
    for (const [file, ...args] of job.reset ?? []) await run(file, args, {}, folder);
  };
  for (const [file, ...args] of job.prepare ?? []) await run(file, args, {}, folder);
  const servers = [];
  try {
    const starts = job.servers?.(folder) ?? [];
    for (const start of hasPeer ? starts : starts.slice(0, 1)) servers.push(await start());
    const sizeRatio = await warmUp(job, { folder, scratch, hasPeer, clean });
    const pairs = await interleaved(timed(job.ours), hasPeer ? timed(job.peer) : undefined, rounds, clean);
    if (job.output !== undefined) await rm(job.output, { force: true });
    return { ...summary(job, pairs, hasPeer), sizeRatio };
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function warmUp(job, { folder, scratch, hasPeer, clean }) {
  await clean();
  const ours = await answer(job, job.ours, { folder, scratch });
  const ourSize = await sizeOf(job);
  if (!hasPeer) return undefined;
  await clean();
  const theirs = await answer(job, job.peer, { folder, scratch });
  if (ours !== theirs) throw new Error(`the answers differ: ${ours} and ${theirs}`);
  return ourSize / (await sizeOf(job));
}

const sizeOf = async (job) => (job.output === undefined ? Number.NaN : (await stat(job.output)).size);

/** Runs a command once and says what it answered, as far as the job compares that. */
async function answer(job, command, { folder, scratch }) {
  const path = join(scratch, "stdout");
  const stdout = job.compare === "stdout" ? openSync(path, "w") : "ignore";
  await timedRun(command, { cwd: folder, stdout });
  if (job.compare === "output") return fileSha256(job.output);
  if (job.compare === "disk") {
    await run("qemu-img", ["compare", "-q", "-f", "qcow2", "-F", "raw", job.output, job.disk], {}, folder);
    await run("qemu-img", ["check", "-q", "-f", "qcow2", job.output], {}, folder);
  }
  if (job.compare !== "stdout") return undefined;
  closeSync(stdout);
  return (await readFile(path, "utf8")).trim();
}

/** Medians per single run (a command may be repeated within one measurement), ratios pair by pair. */
function summary(job, pairs, hasPeer) {
  const side = (index) => {
    const of = (pick) => spread(pairs.map((pair) => pick(pair[index])));
    return {
      wallS: scaled(
        of((run) => run.wallS),
        job.runs,
      ),
      userS: scaled(
        of((run) => run.userS ?? Number.NaN),
        job.runs,
      ),
      sysS: scaled(
        of((run) => run.sysS ?? Number.NaN),
        job.runs,
      ),
      peakRssBytes: of((run) => run.peakRssBytes).max,
    };
  };
  const ratio = (pick) => spread(pairs.map(([ours, theirs]) => pick(ours) / pick(theirs)));
  return {
    name: job.name,
    targets: job.targets,
    operations: job.operations,
    bytes: job.bytes,
    rounds: pairs.length,
    ours: side(0),
    ...(hasPeer && { peer: side(1), ratio: ratio((run) => run.wallS), userRatio: ratio((run) => run.userS) }),
  };
}

const scaled = ({ median, min, max }, runs) => ({ median: median / runs, min: min / runs, max: max / runs });
