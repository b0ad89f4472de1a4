// Owns the aspects that read guest contents: whole disk, data runs of huge disks, snapshots, decode.
// Each returns lines of differences; an empty list is a pass, undefined means there was nothing to compare.
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { howItEnded } from "./command.mjs";
import { fileSha256 } from "./fingerprint.mjs";
import { isEncrypted, snapshotSha256 } from "./recorded.mjs";

const STREAM_LIMIT_BYTES = 64 * 1024 * 1024;
const NEIGHBOUR_BYTES = 64 * 1024;
const REFUSED = /^qcow: .+ \([A-Z0-9_]*ENCRYPT[A-Z0-9_]*\)$/;

/** `sha` of the whole disk; above 1 GiB every data run by `read`, and zeros all around the runs. */
export async function wholeDisk(image, cli) {
  const sha = (...more) => cli(["sha", image.top, "--algorithm", "sha256", ...more]);
  if (isEncrypted(image)) return refusal("sha", await sha());
  if (image.sha256 !== null) return digestLine("sha", image.sha256, await sha());
  return dataRuns(image, cli);
}

async function dataRuns(image, cli) {
  const runs = image.data_runs;
  if (runs.length !== image.data_runs_total) return ["data_runs is cut short: this image cannot be judged"];
  const found = [];
  for (const [start, length, sha256] of runs) {
    const run = await cli(readRange(image, start, length), { digest: true });
    found.push(...digested(`read of data run at ${start}`, { sha256, bytes: length }, run));
  }
  for (const [start, length] of zeroNeighbours(runs, image.virtual_size)) {
    const run = await cli(readRange(image, start, length));
    const zero = run.exit === 0 && run.bytes === length && run.text.every((byte) => byte === 0);
    if (!zero)
      found.push(`read at ${start}: expected ${length} zeros (${run.bytes} bytes, ${howItEnded(run)})`);
  }
  return [...found, ...mapOutsideRuns(runs, await cli(["map", "--json", image.top]))];
}

const readRange = (image, start, length) => [
  "read",
  image.top,
  "--offset",
  `${start}`,
  "--bytes",
  `${length}`,
];

/** Up to 64 KiB on either side of every run, clipped to the disk and to the neighbouring runs. */
function zeroNeighbours(runs, diskBytes) {
  const gaps = [];
  let at = 0;
  for (const [start, length] of [...runs, [diskBytes, 0]]) {
    if (start > at) gaps.push([at, start - at]);
    at = start + length;
  }
  return gaps.flatMap(([start, length]) => {
    const bytes = Math.min(NEIGHBOUR_BYTES, length);
    const first = [start, bytes];
    return length > bytes ? [first, [start + length - bytes, bytes]] : [first];
  });
}

/** Too big to read whole: the map must say that nothing outside the recorded runs is data. */
function mapOutsideRuns(runs, run) {
  if (run.exit !== 0) return [`map --json: ${howItEnded(run)}`];
  const inside = (extent) =>
    runs.some(([start, length]) => extent.start >= start && extent.start + extent.length <= start + length);
  return JSON.parse(run.text.toString())
    .filter((extent) => extent.data && !extent.zero && !inside(extent))
    .map((extent) => `map calls ${extent.length} bytes at ${extent.start} data, outside every data run`);
}

/** `sha --snapshot ID` of every internal snapshot. */
export async function snapshots(image, cli) {
  if (image.snapshots === undefined) return undefined;
  const found = [];
  for (const snapshot of image.snapshots) {
    const expected = snapshotSha256(snapshot);
    const run = await cli(["sha", image.top, "--algorithm", "sha256", "--snapshot", snapshot.id]);
    const name = `sha --snapshot ${snapshot.id}`;
    if (isEncrypted(image)) found.push(...refusal(name, run));
    else found.push(...digestLine(name, expected, run));
  }
  return found;
}

/** `decode IMAGE -` up to 64 MiB, and `decode IMAGE FILE` for every disk that has a recorded hash. */
export async function decode(image, cli, { scratch }) {
  const toPipe = () => cli(["decode", image.top, "-"], { digest: true });
  if (isEncrypted(image)) return refusal("decode -", await toPipe());
  if (image.sha256 === null) return undefined;
  const expected = { sha256: image.sha256, bytes: image.virtual_size };
  const found = [];
  if (image.virtual_size <= STREAM_LIMIT_BYTES) found.push(...digested("decode -", expected, await toPipe()));
  const out = join(scratch, `${image.name}.raw`);
  await putOldContents(out);
  const run = await cli(["decode", image.top, out]);
  found.push(...(await decodedFile(expected, out, run)));
  await rm(out, { force: true });
  return found;
}

/** A leftover file full of ones: whatever decode skips instead of replacing shows in the digest. */
async function putOldContents(path) {
  const file = await open(path, "w");
  await file.write(Buffer.alloc(128 * 1024, 0xff));
  await file.close();
}

async function decodedFile(expected, out, run) {
  if (run.exit !== 0) return [`decode to a file: ${howItEnded(run)}`];
  const sha256 = await fileSha256(out);
  return sha256 === expected.sha256 ? [] : [`decode to a file: expected ${expected.sha256}, got ${sha256}`];
}

function digestLine(name, expected, run) {
  const line = run.text.toString();
  if (run.exit !== 0) return [`${name}: ${howItEnded(run)}`];
  return line === `${expected}\n`
    ? []
    : [`${name}: expected ${expected}, got ${JSON.stringify(line.slice(0, 200))}`];
}

function digested(name, expected, run) {
  if (run.exit !== 0) return [`${name}: ${howItEnded(run)}`];
  if (run.bytes !== expected.bytes) return [`${name}: expected ${expected.bytes} bytes, got ${run.bytes}`];
  return run.sha256 === expected.sha256 ? [] : [`${name}: expected ${expected.sha256}, got ${run.sha256}`];
}

function refusal(name, run) {
  const clear = run.exit === 1 && run.bytes === 0 && REFUSED.test(run.stderr.split("\n", 1)[0]);
  return clear ? [] : [`${name} of an encrypted image must fail with one clear line: ${howItEnded(run)}`];
}
