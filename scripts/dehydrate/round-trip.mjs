// Owns one image dehydrated and made again, in both forms of the files, and the proofs that nothing else is in them: all other
// bytes of the image are replaced, and what comes out must not change.
import { Buffer } from "node:buffer";
import { openReadable, openWritable } from "../../packages/backend-node/dist/index.js";
import {
  dehydrate,
  packSingle,
  rehydrate,
  unpackSingle,
} from "../../packages/plugin-dehydrate/dist/index.js";

const SECRET = Buffer.from("what the guest keeps to itself. ");
/** Bytes of contents that are looked for, and how many different ones they need to say anything. */
const SAMPLE_BYTES = 16;
const DISTINCT_MIN = 8;

/** Makes the image at `to` of the one at `from`; lines of what is wrong. `sums` counts what was looked at. */
export async function roundTrip(from, to, sums) {
  const image = await openReadable(from, { sparse: true });
  try {
    const files = await dehydrated(image);
    const single = await all(packSingle(await dehydrate(image)));
    const poisoned = await dehydrated(withSecrets(image, files.intervals));
    const lines = [
      ...compare("contents change the files", files, poisoned),
      ...(await leaks(image, files, single, sums)),
    ];
    await make(single, to);
    const again = await openReadable(to);
    lines.push(...compare("dehydrated again it differs", files, await dehydrated(again)));
    await again.close();
    if (files.notes.length > 0) sums.noted = (sums.noted ?? 0) + 1;
    return lines;
  } finally {
    await image.close();
  }
}

async function dehydrated(image) {
  const found = await dehydrate(image);
  const map = Buffer.concat([...found.map()]);
  const meta = await all(found.meta());
  const intervals = [...map.toString().matchAll(/\((\d+) (\d+)\)/g)]
    .map(([, first, last]) => [Number(first), Number(last)])
    .reverse();
  return { map, meta, intervals, notes: found.notes };
}

async function make(single, to) {
  const file = await openWritable(to, { exclusive: true });
  const pieces = async function* () {
    for (let at = 0; at < single.length; at += 1000) yield single.subarray(at, at + 1000);
  };
  await rehydrate(await unpackSingle(pieces()), file);
  await file.close();
}

function compare(what, one, other) {
  return ["map", "meta"].filter((part) => !one[part].equals(other[part])).map((part) => `${what}: ${part}`);
}

/** The image with a secret in place of everything that lies outside of its intervals. */
function withSecrets(image, intervals) {
  return {
    label: image.label,
    size: (options) => image.size(options),
    async read(offset, target, options) {
      await image.read(offset, target, options);
      for (const [start, end] of gaps(intervals, offset, offset + target.length))
        for (let at = start; at < end; at++) target[at - offset] = SECRET[at % SECRET.length];
    },
    close: async () => {},
  };
}

function* gaps(intervals, start, end) {
  let at = start;
  for (const [first, last] of intervals) {
    if (last < at) continue;
    if (first >= end) break;
    if (first > at) yield [at, first];
    at = last + 1;
  }
  if (at < end) yield [at, end];
}

/** Looks for the beginnings of all sectors that are not metadata, where they say something. */
async function leaks(image, { intervals, meta }, single, sums) {
  const lines = [];
  if (meta.includes(SECRET) || single.includes(SECRET)) lines.push("a secret got out");
  const known = new Set();
  for (const [start, end] of gaps(intervals, 0, await image.size())) {
    for await (const [from, to] of data(image, start, end)) {
      const bytes = Buffer.alloc(to - from);
      await image.read(from, bytes);
      for (let sector = 0; sector + SAMPLE_BYTES <= bytes.length; sector += 4096) {
        const sample = bytes.subarray(sector, sector + SAMPLE_BYTES);
        if (new Set(sample).size >= DISTINCT_MIN) known.add(sample.toString("latin1"));
      }
    }
  }
  sums.samples = (sums.samples ?? 0) + known.size;
  const windows = meta.toString("latin1");
  const found = [...known].find((sample) => windows.includes(sample));
  if (found !== undefined) lines.push(`contents are in the metadata, at ${windows.indexOf(found)}`);
  return lines;
}

/** The parts of a range that are no holes, of at most 1 MiB. */
async function* data(image, start, end) {
  for (let at = start; at < end; ) {
    const range = (await image.nextData?.(at)) ?? (image.nextData ? { start: end, end } : { start: at, end });
    if (range.start >= end) return;
    const to = Math.min(range.end, end, range.start + 1024 * 1024);
    yield [range.start, to];
    at = to;
  }
}

async function all(chunks) {
  const parts = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
