// Owns what every run must keep to whatever the image is: limits, exit codes, one clear line, clean text.
// What a kind of case demands beyond that is in demands.mjs.
import { LIMITS } from "./limited-run.mjs";

/** The first line of stderr of a command that failed: what happened and its code. */
export const ERROR_LINE = /^qcow: .+ \([A-Z0-9_]+\)$/;
const CODED_LINE = / \([A-Z0-9_]+\)$/;

const MOST_STDERR_LINES = 5;
const LEAST_STREAM_BYTES_PER_SECOND = 16 * 1024 * 1024;
const STACK_TRACE = /^\s+at .*(:\d+|<anonymous>|node:)/m;
/** C0 except newline and tab, DEL, and C1 as decoded code points. */
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]/;
const EXITS = { info: [0, 1], check: [0, 1, 2, 3, 63], map: [0, 1], decode: [0, 1] };

/** Lines saying how a run broke the manners; empty when it kept them. */
export function badManners(command, run) {
  return [...overLimits(command, run), ...badEnding(command, run), ...badText(run)];
}

/** True for a run whose contents were longer than anyone waits for, but came steadily. */
export const streamsOn = (command, run) =>
  command === "decode" &&
  (run.stopped === "output" ||
    (run.stopped === "time" && run.stdout.bytes >= LEAST_STREAM_BYTES_PER_SECOND * LIMITS.seconds));

function overLimits(command, run) {
  const found = [];
  if (run.stopped !== undefined && !streamsOn(command, run)) {
    const limit = run.stopped === "time" ? `${LIMITS.seconds} s` : `${LIMITS.textBytes} bytes of text`;
    found.push(`ran into the limit of ${limit} (${run.stdout.bytes} bytes on stdout)`);
  }
  if (run.peakRssBytes > LIMITS.rssBytes) found.push(`used ${Math.ceil(run.peakRssBytes / 2 ** 20)} MiB`);
  return found;
}

function badEnding(command, run) {
  if (run.stopped !== undefined) return [];
  if (run.signal !== null) return [`died of ${run.signal}`];
  if (!EXITS[command].includes(run.exit)) return [`exit ${run.exit}, which ${command} must not give`];
  return run.exit === 1 ? unclearError(command, run) : [];
}

/** A check that gives up has said in its findings why, each with its code; the others say one thing only. */
function unclearError(command, run) {
  const lines = run.stderr.toString().split("\n").slice(0, -1);
  const clear =
    command === "check" ? lines.some((line) => CODED_LINE.test(line)) : ERROR_LINE.test(lines[0] ?? "");
  if (!clear) return [`no clear error line, stderr begins ${JSON.stringify((lines[0] ?? "").slice(0, 200))}`];
  if (command !== "check" && lines.length > MOST_STDERR_LINES) return [`${lines.length} lines of stderr`];
  return [];
}

function badText(run) {
  const found = [];
  for (const [name, bytes] of [
    ["stdout", run.stdout.text],
    ["stderr", run.stderr],
  ]) {
    const text = decoded(bytes);
    if (text === undefined) found.push(`${name} is not UTF-8`);
    else if (CONTROL.test(text)) found.push(`${name} has a raw control character`);
    if (STACK_TRACE.test(text ?? "")) found.push(`${name} has a stack trace`);
  }
  return found;
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
