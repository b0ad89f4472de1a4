// Owns how few requests and bytes each command may take, by what nginx has logged; what --stats says must be the same.
// Answers must be those of the local file.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { howItEnded } from "../corpus/command.mjs";
import { fileSha256 } from "../corpus/fingerprint.mjs";
import { bytesOf } from "./access-log.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Images are b and c of the bench, at its scale, and `wide`: 4 GiB, every other cluster used, so with as many tables as b at
 * scale 1. Limits are in requests, in bytes, and in bytes beside the file's length.
 */
export const BUDGETS = [
  { image: "b", args: ["info", "--json"], requests: 1, bytes: 64 * KIB },
  { image: "c", args: ["info", "--json"], requests: 1, bytes: 64 * KIB },
  { image: "wide", args: ["info", "--json"], requests: 1, bytes: 64 * KIB },
  { image: "b", args: ["map", "--json"], requests: 10, bytes: MIB - 1 },
  { image: "wide", args: ["map", "--json"], requests: 10, bytes: MIB - 1 },
  { image: "b", args: ["check", "--json"], requests: 12 },
  { image: "wide", args: ["check", "--json"], requests: 12 },
  { image: "b", args: ["read", "--offset", "300M", "--bytes", "64K"], requests: 3 },
  { image: "wide", args: ["read", "--offset", "3G", "--bytes", "64K"], requests: 3 },
  { image: "c", args: ["read", "--offset", "80M", "--bytes", "64K"], requests: 3 },
  { image: "b", args: ["decode", "--json"], ofFile: 1.02, overRead: 0.02 },
  { image: "c", args: ["decode", "--json"], ofFile: 1.05 },
];

/** Runs one; gives what it took and lines of what is wrong. */
export async function judgeBudget(budget, { folder, url, cli, log, scratch }) {
  const file = `${budget.image}.qcow2`;
  const [command, ...options] = budget.args;
  const isDecode = command === "decode";
  const out = (name) => (isDecode ? [join(scratch, `${name}.raw`)] : []);
  const { value: remote, requests } = await log.during(() =>
    cli([command, `${url}${file}`, ...out("remote"), ...options, "--stats"]),
  );
  const local = await cli([command, join(folder, file), ...out("local"), ...options]);
  if (remote.exit !== 0 || local.exit !== 0)
    return { requests: 0, bytes: 0, lines: [`${howItEnded(remote)}; locally ${howItEnded(local)}`] };
  const taken = { requests: requests.length, bytes: bytesOf(requests) };
  const same = isDecode
    ? (await fileSha256(out("remote")[0])) === (await fileSha256(out("local")[0]))
    : sameOutput(remote.text, local.text);
  const { size } = await stat(join(folder, file));
  return {
    ...taken,
    lines: [
      ...(same ? [] : ["the answer is another one than locally"]),
      ...exceeded(budget, taken, size),
      ...asCounted(budget, taken, statistics(remote)),
    ],
  };
}

/** Documents with the name of the file, or with statistics, agree in all else. */
function sameOutput(remote, local) {
  if (remote.equals(local)) return true;
  const bare = (text) => {
    const { http, filename, "actual-size": size, ...rest } = JSON.parse(text);
    return JSON.stringify(rest);
  };
  try {
    return bare(remote) === bare(local);
  } catch {
    return false;
  }
}

function exceeded({ requests, bytes, ofFile }, taken, size) {
  const limits = [
    ["requests", taken.requests, requests],
    ["bytes", taken.bytes, bytes],
    ["bytes", taken.bytes, ofFile === undefined ? undefined : Math.floor(size * ofFile)],
  ];
  return limits
    .filter(([, used, most]) => used > (most ?? Number.POSITIVE_INFINITY))
    .map(([what, used, most]) => `${used} ${what}, where ${most} may be used`);
}

/** What the program says of itself, in its document or on stderr. */
function statistics(run) {
  const line = run.stderr.split("\n").find((each) => each.startsWith('{"http":'));
  if (line !== undefined) return JSON.parse(line).http;
  const words = /^(\d+) requests?, (\d+) bytes received, (\d+) of them not asked for/m.exec(run.stderr);
  if (words === null) return JSON.parse(run.text).http;
  const [requests, received, overRead] = words.slice(1).map(Number);
  return { requests, "bytes-received": received, "bytes-over-read": overRead };
}

function asCounted({ overRead = Number.POSITIVE_INFINITY }, taken, told) {
  const lines = [];
  if (told.requests !== taken.requests)
    lines.push(`--stats tells of ${told.requests} requests, nginx of ${taken.requests}`);
  if (told["bytes-received"] !== taken.bytes)
    lines.push(`--stats tells of ${told["bytes-received"]} bytes, nginx of ${taken.bytes}`);
  const share = told["bytes-over-read"] / told["bytes-received"];
  if (share > overRead) lines.push(`${(100 * share).toFixed(1)} % were not asked for`);
  return lines;
}
