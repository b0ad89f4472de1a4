// Owns one side of a bench: writes through the engine, several at once, and a flush at the end.
//   node engine-writes.mjs random|sequential COUNT BYTES IMAGE
import { openWritable } from "../../packages/backend-node/dist/index.js";
import { Qcow2Image } from "../../packages/engine/dist/index.js";
import { WRITES_IN_FLIGHT, writeOffsets } from "./write-plan.mjs";

const [pattern, count, bytes, path] = process.argv.slice(2);
const backend = await openWritable(path);
const image = await Qcow2Image.open(backend);
const data = new Uint8Array(Number(bytes)).fill(0x5a);
const offsets = writeOffsets(pattern, Number(count), Number(bytes));
let next = 0;
const worker = async () => {
  while (next < offsets.length) await image.write(offsets[next++], data);
};
await Promise.all(Array.from({ length: WRITES_IN_FLIGHT }, worker));
await image.close();
await backend.close();
