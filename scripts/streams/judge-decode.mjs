// Judges the decoder of streams on one image: the engine with little and with much memory, in place and in order, and the
// command line, must all give the disk. Returns what is wrong.
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { MemoryBackend } from "../../packages/backend-memory/dist/index.js";
import { nodeCompression } from "../../packages/backend-node/dist/index.js";
import { decodeStream, decodeStreamInOrder } from "../../packages/engine/dist/index.js";
import { run } from "../bench/tool.mjs";
import { howItEnded } from "../corpus/command.mjs";
import { randomImage } from "./random-image.mjs";
import { shuffled } from "./shuffle.mjs";

const compression = nodeCompression();

export async function judgeShuffled(seed, random, { path, cli, hasQemu }) {
  const { image, disk } = await randomImage(random, path, { snapshots: hasQemu });
  const stream = shuffled(image, random);
  const wrong = [];
  const expect = (what, isRight) => isRight || wrong.push(`seed ${seed}: ${what}`);
  for (const memoryBytes of [undefined, random.below(300_000)]) {
    const options = {
      compression,
      memoryBytes,
      openSpill: async () => new MemoryBackend({ label: "spill" }),
    };
    const chunkBytes = random.pick([777, 65536, 1 << 21]);
    const target = new MemoryBackend({ label: "target" });
    await decodeStream(inChunks(stream, chunkBytes), target, options);
    expect(`in place, ${memoryBytes} bytes of memory`, Buffer.compare(target.toBytes(), disk) === 0);
    const chunks = [];
    await decodeStreamInOrder(
      inChunks(stream, chunkBytes),
      async (chunk) => chunks.push(Buffer.from(chunk)),
      options,
    );
    expect(`in order, ${memoryBytes} bytes of memory`, Buffer.compare(Buffer.concat(chunks), disk) === 0);
  }
  await writeFile(path, stream);
  if (hasQemu) await run("qemu-img", ["check", "-q", "-f", "qcow2", path]);
  await judgeCommands(path, sha256(disk), cli, expect);
  await rm(path);
  return wrong;
}

/** `stream-decode` of the file `path`, to stdout and to a file, has the contents `digest`; so has `decode`. */
async function judgeCommands(path, digest, cli, expect) {
  const decoded = await cli(["decode", path, "-"], { digest: true });
  expect(`decode: ${howItEnded(decoded)}`, decoded.sha256 === digest);
  const piped = await cli(["stream-decode", "-", "--input", path], { digest: true });
  expect(`stream-decode -: ${howItEnded(piped)}`, piped.sha256 === digest);
  const out = `${path}.raw`;
  const placed = await cli(["stream-decode", out, "--input", path, "--memory", "100K"]);
  expect(`stream-decode: ${howItEnded(placed)}`, placed.exit === 0 && sha256(await readFile(out)) === digest);
  await rm(out, { force: true });
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function* inChunks(bytes, chunkBytes) {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
