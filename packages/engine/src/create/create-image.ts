// Makes a new image. Owns the order: the old contents go first, the tables follow, and the sector with the header is
// written last, once everything it names is durable; until then nothing opens.

import { type BlockBackend, type IoOptions, isBackendError } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import type { CreateOptions } from "./create-options.js";
import { executeWork } from "./execute-work.js";
import { type CreatePlan, planCreate } from "./plan-create.js";
import { FIRST_SECTOR_BYTES, planWork, type Target } from "./plan-work.js";
import { settleOptions } from "./settle-options.js";

/**
 * Makes an empty image in `backend`, which stays the caller's. What it held is lost, and so is what the data file
 * held. When this resolves the image is durable; when it rejects, or the power fails meanwhile, `backend` has no image,
 * neither the old nor a new one. Progress is in bytes of tables and of preallocated data.
 *
 * Nothing was changed, except that a file may have been made longer, when it rejects with `QCOW2_BAD_OPTION`: the
 * options do not go together, the disk is too large for its clusters, a device too small for the image, or the data
 * file is the image itself.
 */
export async function createImage(backend: BlockBackend, options: CreateOptions): Promise<void> {
  const settled = settleOptions(options);
  const plan = planCreate(settled);
  options.signal?.throwIfAborted();
  const dataBackend = options.dataFile?.backend;
  refuseOneFile(backend, dataBackend);
  await requireRoom(backend, plan.fileLength, options);
  if (dataBackend !== undefined) await requireRoom(dataBackend, settled.size, options);

  const image = await empty(backend, plan.fileLength, options);
  const dataFile = dataBackend && (await empty(dataBackend, settled.size, options));
  await writeRestOfHead(image.backend, plan, options);
  await executeWork(planWork(plan, settled, image, dataFile), options);
  await dataBackend?.flush(options);
  await backend.flush(options);

  const sector = new Uint8Array(FIRST_SECTOR_BYTES);
  sector.set(plan.head.subarray(0, FIRST_SECTOR_BYTES));
  await backend.write(0, sector, options);
  await backend.flush(options);
}

function refuseOneFile(backend: BlockBackend, dataFile: BlockBackend | undefined): void {
  if (dataFile === undefined) return;
  const isOne =
    dataFile === backend || (dataFile.identity !== undefined && dataFile.identity === backend.identity);
  if (isOne) throw new EngineError("QCOW2_BAD_OPTION", `${backend.label} cannot be its own data file`);
}

/** Before anything is lost: a backend that can grow does so, one that cannot is large enough. */
async function requireRoom(backend: BlockBackend, needed: number, options: IoOptions): Promise<void> {
  const present = await backend.size(options);
  if (present >= needed) return;
  try {
    await backend.resize(needed, options);
  } catch (error) {
    if (!isBackendError(error, "BACKEND_UNSUPPORTED")) throw error;
    const message = `${backend.label} has ${present} bytes and cannot grow; ${needed} are needed`;
    throw new EngineError("QCOW2_BAD_OPTION", message, { cause: error });
  }
}

/** Takes away what the backend held, durably, so that old bytes and new ones never make an image together. */
async function empty(backend: BlockBackend, length: number, options: IoOptions): Promise<Target> {
  const isFixed = !(await cutToNothing(backend, options));
  if (isFixed) await backend.write(0, new Uint8Array(FIRST_SECTOR_BYTES), options);
  await backend.flush(options);
  if (!isFixed) await backend.resize(length, options);
  return { backend, isFixed };
}

/** False for what keeps its length: a device. */
async function cutToNothing(backend: BlockBackend, options: IoOptions): Promise<boolean> {
  try {
    await backend.resize(0, options);
    return true;
  } catch (error) {
    if (!isBackendError(error, "BACKEND_UNSUPPORTED")) throw error;
    return false;
  }
}

async function writeRestOfHead(backend: BlockBackend, plan: CreatePlan, options: IoOptions): Promise<void> {
  const rest = plan.head.subarray(FIRST_SECTOR_BYTES);
  if (rest.byteLength > 0) await backend.write(FIRST_SECTOR_BYTES, rest, options);
}
