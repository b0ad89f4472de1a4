// Owns runs of fio's nbd engine: the options by which it verifies what it reads, and what of its report counts.
import { runCommand } from "../corpus/command.mjs";

const SLACK_MS = 120_000;

/** Options of a job that writes and reads at random and verifies, for `seconds`, in `size` bytes from `offset` on. */
export function verifiedJob({ uri, seconds, size, offset = 0, depth = 32, name = "verified" }) {
  return [
    `--name=${name}`,
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--rw=randrw",
    "--bsrange=512-64k",
    `--size=${size}`,
    `--offset=${offset}`,
    // Again and again until the time is over.
    "--io_size=1t",
    `--iodepth=${depth}`,
    `--runtime=${seconds}`,
    "--time_based",
    "--verify=crc32c",
    "--verify_backlog=512",
    "--verify_fatal=1",
    "--verify_state_save=0",
    // A block that is written again while it is being verified would differ from both.
    "--serialize_overlap=1",
  ];
}

/** Runs fio to its end; resolves with its jobs, and rejects when it fails or tells of an error. */
export async function fio(options, { cwd, seconds }) {
  const ended = await runCommand("fio", [...options, "--output-format=json", "--thread"], {
    cwd,
    timeLimitMs: seconds * 1000 + SLACK_MS,
  });
  const text = ended.text.toString();
  const failed = (why) => new Error(`fio: ${why}: ${ended.stderr.slice(0, 500)}`);
  if (ended.exit !== 0) throw failed(ended.timedOut ? "it hangs" : `exit ${ended.exit}`);
  // It says first that it is connected.
  const { jobs } = JSON.parse(text.slice(text.indexOf("{\n")));
  const bad = jobs.find(({ error }) => error !== 0);
  if (bad !== undefined) throw failed(`error ${bad.error} in ${bad.jobname}`);
  return jobs;
}

/** What `jobs` did in a direction, `read` or `write`: operations, bytes, and the latency that 99 % stay below. */
export function totals(jobs, direction) {
  const all = jobs.map((job) => job[direction]);
  return {
    operations: all.reduce((sum, { total_ios }) => sum + total_ios, 0),
    bytes: all.reduce((sum, { io_bytes }) => sum + io_bytes, 0),
    p99Ms: Math.max(...all.map(({ clat_ns }) => clat_ns.percentile?.["99.000000"] ?? 0)) / 1e6,
  };
}
