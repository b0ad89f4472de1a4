// Owns making an image whose refcounts are to be rebuilt: the dirty bit set, all refcount blocks zero.
//   node stale-refcounts.mjs IMAGE
import { open } from "node:fs/promises";

const file = await open(process.argv[2], "r+");
const header = Buffer.alloc(104);
await file.read(header, 0, header.length, 0);
const clusterSize = 2 ** header.readUInt32BE(20);
const table = Buffer.alloc(header.readUInt32BE(56) * clusterSize);
await file.read(table, 0, table.length, Number(header.readBigUInt64BE(48)));
const zeros = Buffer.alloc(clusterSize);
for (let at = 0; at < table.length; at += 8) {
  const offset = Number(table.readBigUInt64BE(at));
  if (offset !== 0) await file.write(zeros, 0, clusterSize, offset);
}
header.writeBigUInt64BE(header.readBigUInt64BE(72) | 1n, 72);
await file.write(header, 72, 8, 72);
await file.close();
