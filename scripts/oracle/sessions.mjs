// Owns a session of changes to an image, by us or by qemu-io, and what it must leave.
import { nodeCompression, openReadable, openWritable } from "../../packages/backend-node/dist/index.js";
import { Qcow2Image } from "../../packages/engine/dist/index.js";
import { run } from "../bench/tool.mjs";
import { apply, contentsOf, pickOperation, pickQemuOperation } from "./workload.mjs";

/** Operations of a session. */
const OPERATIONS = 30;

/** Changes the image through the engine. With `crash`, it is left without being closed, after a flush. */
export async function ourSession(random, geometry, paths, disk, { crash }) {
  const backend = await openWritable(paths.image);
  const image = await Qcow2Image.open(backend, {
    compression: nodeCompression(),
    openReference: async ({ name }) => ({ backend: await openReadable(name) }),
    openDataFile: (name) => openWritable(name),
  });
  let model = disk;
  for (let count = 0; count < OPERATIONS; count++) {
    const operation = pickOperation(random, image.virtualSize, geometry);
    model = await perform(image, operation, model);
  }
  if (crash) await image.flush();
  else await image.close();
  await backend.close();
  return model;
}

async function perform(image, operation, model) {
  const { kind, offset, length } = operation;
  if (kind === "read") {
    const bytes = new Uint8Array(length);
    await image.read(offset, bytes);
    if (Buffer.compare(bytes, model.subarray(offset, offset + length)) !== 0)
      throw new Error(`a read of ${length} bytes at ${offset} gives other bytes`);
    return model;
  }
  if (kind === "flush") await image.flush();
  else if (kind === "zero") await image.writeZeroes(offset, length, { unmap: operation.unmap });
  else if (kind === "discard") await image.discard(offset, length);
  else if (kind === "resize") await image.resize(operation.size, { allowDataLoss: true });
  else {
    const contents = contentsOf(operation);
    await (kind === "compressed" ? image.writeCompressed(offset, contents) : image.write(offset, contents));
    return apply(model, operation, contents);
  }
  return apply(model, operation);
}

/**
 * Changes the image through qemu-io. A compressed write is the only one of its process: QEMU 7.2 goes on writing behind
 * the last compressed data although the cluster may have been freed and have become somebody else's.
 */
export async function qemuSession(random, geometry, paths, disk) {
  let commands = [];
  let model = disk;
  const flush = async () => {
    if (commands.length > 0) await qemuIo(paths.image, commands);
    commands = [];
  };
  for (let count = 0; count < OPERATIONS; count++) {
    const operation = pickQemuOperation(random, model.length, geometry);
    for (const command of commandsOf(operation)) {
      if (operation.kind === "compressed") await flush();
      commands.push(command);
    }
    if (operation.kind === "compressed") await flush();
    const contents = operation.pattern && new Uint8Array(operation.length).fill(operation.pattern);
    model = apply(model, operation, contents);
  }
  await flush();
  return model;
}

async function qemuIo(image, commands) {
  const args = commands.flatMap((command) => ["-c", command]);
  const { stdout } = await run("qemu-io", ["-f", "qcow2", "-d", "unmap", ...args, image]);
  if (/failed|error/i.test(stdout)) throw new Error(`qemu-io: ${stdout}`);
}

function commandsOf({ kind, offset, length, pattern, unmap }) {
  switch (kind) {
    case "write":
      return [`write -q -P ${pattern} ${offset} ${length}`];
    case "compressed":
      return [`discard -q ${offset} ${length}`, `write -q -c -P ${pattern} ${offset} ${length}`];
    case "zero":
      return [`write -q -z ${unmap ? "-u " : ""}${offset} ${length}`];
    case "discard":
      return [`discard -q ${offset} ${length}`];
    default:
      return ["flush"];
  }
}
