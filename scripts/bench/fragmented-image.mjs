// Owns writing a valid, badly fragmented qcow2 image without any tool: every second guest cluster is allocated,
// in scattered host order, with consistent refcounts. Only metadata is written; data clusters are holes.
import { open } from "node:fs/promises";

const CLUSTER = 65536;
const ENTRIES = CLUSTER / 8;
const COUNTS = CLUSTER / 2;
const COPIED_HIGH = 0x80000000;
/** Odd, so that multiplying modulo a power of two visits every slot of a table once. */
const STRIDE = 1733;
const BATCH_TABLES = 64;

const ceilDiv = (a, b) => Math.ceil(a / b);

/** Writes an image of `diskBytes` (a multiple of 64 KiB) at `path`, replacing what was there. */
export async function writeFragmentedImage(path, diskBytes) {
  const plan = layout(diskBytes / CLUSTER);
  const file = await open(path, "w");
  try {
    await file.write(header(plan, diskBytes), 0, CLUSTER, 0);
    await writeTables(file, plan);
    await writeRefcounts(file, plan);
    await file.truncate(plan.total * CLUSTER);
  } finally {
    await file.close();
  }
}

/** Where things lie, in clusters: header, L1, refcount table, refcount blocks, then each L2 with its data. */
function layout(guestClusters) {
  const tables = ceilDiv(guestClusters, ENTRIES);
  const l1 = ceilDiv(tables, ENTRIES);
  const body = 1 + l1 + tables + ceilDiv(guestClusters, 2);
  let blocks = 0;
  let reftable = 0;
  for (;;) {
    const needed = ceilDiv(body + blocks + reftable, COUNTS);
    const neededTable = ceilDiv(needed, ENTRIES);
    if (needed === blocks && neededTable === reftable) break;
    blocks = needed;
    reftable = neededTable;
  }
  const firstBlock = 1 + l1 + reftable;
  return { guestClusters, tables, l1, reftable, blocks, firstBlock, total: body + blocks + reftable };
}

function header(plan, diskBytes) {
  const bytes = Buffer.alloc(CLUSTER);
  bytes.write("QFI\xfb", 0, "latin1");
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(BigInt(diskBytes), 24);
  bytes.writeUInt32BE(plan.tables, 36);
  bytes.writeBigUInt64BE(BigInt(CLUSTER), 40);
  bytes.writeBigUInt64BE(BigInt((1 + plan.l1) * CLUSTER), 48);
  bytes.writeUInt32BE(plan.reftable, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}

async function writeTables(file, plan) {
  const l1 = Buffer.alloc(plan.l1 * CLUSTER);
  const l2 = Buffer.alloc(CLUSTER);
  let next = plan.firstBlock + plan.blocks;
  for (let table = 0; table < plan.tables; table++) {
    putEntry(l1, table, next);
    const used = fillTable(l2, next + 1, Math.min(ENTRIES, plan.guestClusters - table * ENTRIES));
    await file.write(l2, 0, CLUSTER, next * CLUSTER);
    next += 1 + used;
  }
  await file.write(l1, 0, l1.length, CLUSTER);
}

/** Maps the even entries of one table to the clusters behind it, scattered. Returns how many clusters it uses. */
function fillTable(l2, firstData, entries) {
  l2.fill(0);
  const used = ceilDiv(entries, 2);
  const full = used === ENTRIES / 2;
  for (let k = 0; k < used; k++) putEntry(l2, 2 * k, firstData + (full ? (k * STRIDE) % used : k));
  return used;
}

function putEntry(table, index, cluster) {
  const offset = cluster * CLUSTER;
  table.writeUInt32BE((Math.floor(offset / 2 ** 32) | COPIED_HIGH) >>> 0, index * 8);
  table.writeUInt32BE(offset % 2 ** 32, index * 8 + 4);
}

async function writeRefcounts(file, plan) {
  const table = Buffer.alloc(plan.reftable * CLUSTER);
  for (let i = 0; i < plan.blocks; i++)
    table.writeBigUInt64BE(BigInt((plan.firstBlock + i) * CLUSTER), i * 8);
  await file.write(table, 0, table.length, (1 + plan.l1) * CLUSTER);
  const blocks = Buffer.alloc(BATCH_TABLES * CLUSTER);
  for (let first = 0; first < plan.blocks; first += BATCH_TABLES) {
    const count = Math.min(BATCH_TABLES, plan.blocks - first);
    for (let i = 0; i < count * COUNTS; i++)
      blocks.writeUInt16BE(first * COUNTS + i < plan.total ? 1 : 0, i * 2);
    await file.write(blocks, 0, count * CLUSTER, (plan.firstBlock + first) * CLUSTER);
  }
}
