// Owns judging an image of the corpus over NBD, by QEMU and libnbd: what is served must be what is in the file, and its map
// and its bitmaps must be those that were recorded. Returns lines of differences for each aspect.
import { hasTool } from "../bench/tool.mjs";
import { howItEnded, runCommand } from "../corpus/command.mjs";
import { differences } from "../corpus/difference.mjs";
import { isEncrypted } from "../corpus/recorded.mjs";

export const ASPECTS = ["compare", "map", "bitmaps"];

/** QEMU walks empty disks by tables of its own, and asks us for each; more steps than this take many seconds. */
const STEPS_MAX = 1000;
/** Longest range of one request in bytes. */
const STEP_BYTES_MAX = 2 ** 31;
const TIME_LIMIT_MS = 600_000;

/**
 * `cwd` is the folder of the images; `served` what the server said of this one. Without `all`, disks that take long to
 * compare are not.
 */
export async function judgeServed(image, served, { cwd, all }) {
  const run = (tool, ...args) => runCommand(tool, args, { cwd, timeLimitMs: TIME_LIMIT_MS });
  return {
    name: image.name,
    aspects: {
      compare: all || stepsOf(image) <= STEPS_MAX ? await compared(image, served, run) : undefined,
      map: await mapped(image, served, run),
      bitmaps: await bitmaps(image, served, run),
    },
  };
}

/** Images that must be refused: their contents need a key. */
export const isRefused = isEncrypted;

function stepsOf({ virtual_size: size, cluster_size: clusterSize }) {
  return size / Math.min(STEP_BYTES_MAX, clusterSize ** 2 / 8);
}

async function compared(image, { uri }, run) {
  if (!hasTool("qemu-img")) return undefined;
  const ended = await run("qemu-img", "compare", "-U", "-f", "qcow2", "-F", "raw", image.top, uri);
  return ended.exit === 0 ? [] : [`compare: ${howItEnded(ended)} ${ended.text.toString().trim()}`];
}

async function mapped(image, { uri }, run) {
  if (image.nbd_base_allocation === undefined || !hasTool("nbdinfo")) return undefined;
  return await mapIs(image.nbd_base_allocation, await run("nbdinfo", "--map", "--json", uri));
}

async function bitmaps(image, { uri, bitmaps: names }, run) {
  if (image.bitmaps === undefined || !hasTool("nbdinfo")) return undefined;
  const recorded = image.bitmaps.filter(({ dirty_map }) => dirty_map !== undefined);
  const found = differences(recorded.map(({ name }) => name).sort(), [...names].sort());
  for (const { name, dirty_map } of recorded) {
    const ended = await run("nbdinfo", `--map=qemu:dirty-bitmap:${name}`, "--json", uri);
    found.push(...(await mapIs(dirty_map, ended)).map((line) => `${name}: ${line}`));
  }
  return found;
}

/** What a range is called differs between versions of nbdinfo. */
function mapIs(expected, ended) {
  if (ended.exit !== 0) return [`map: ${howItEnded(ended)}`];
  const plain = (list) => list.map(({ offset, length, type }) => ({ offset, length, type }));
  return differences(plain(expected), plain(JSON.parse(ended.text.toString() || "[]")));
}
