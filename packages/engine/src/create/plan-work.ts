// What is to be written for a new image before its header, as a list: tables, zeros, reserved space. Pure; which of it
// a backend needs depends on whether it was emptied (a file) or keeps its length and what it held (a device).

import type { BlockBackend } from "@qcow/block";
import { filledBytes } from "./fill-table.js";
import type { CreatePlan, TablePlan } from "./plan-create.js";
import type { SettledOptions } from "./settle-options.js";

/** Where an image, or its data, is to lie. */
export interface Target {
  readonly backend: BlockBackend;
  /** Whether it keeps its length, and holds old bytes; otherwise it is all holes by now. */
  readonly isFixed: boolean;
}

/** A range of bytes of one backend and what becomes of it; `table` makes its bytes. */
export interface Work {
  readonly kind: "table" | "zeros" | "reserve" | "discard";
  readonly backend: BlockBackend;
  readonly offset: number;
  readonly length: number;
  readonly table?: TablePlan;
}

/** The first sector is written by itself, after everything else. */
export const FIRST_SECTOR_BYTES = 512;

/** The work in the order in which it is done: first what may fail for want of space. */
export function planWork(
  plan: CreatePlan,
  options: SettledOptions,
  image: Target,
  dataFile: Target | undefined,
): Work[] {
  const isRaw = options.dataFile?.raw === true;
  const guest = dataFile ?? image;
  const place = dataFile === undefined ? plan.data : { offset: 0, length: options.size };
  const { offset, length } = place;
  const kind = guestKind(options, guest, isRaw);
  const work: Work[] = kind === undefined ? [] : [{ kind, backend: guest.backend, offset, length }];
  if (image.isFixed) {
    const start = Math.max(FIRST_SECTOR_BYTES, plan.head.byteLength);
    work.push({
      kind: "zeros",
      backend: image.backend,
      offset: start,
      length: plan.clusterSize - start,
    });
  }
  for (const table of plan.tables) work.push(...tableWork(table, image));
  return work.filter((item) => item.length > 0);
}

function guestKind(
  options: SettledOptions,
  guest: Target,
  isRaw: boolean,
): "zeros" | "reserve" | "discard" | undefined {
  switch (options.preallocation) {
    case "off":
      return undefined;
    case "metadata": {
      // Old bytes must not show. Where subclusters have no contents, or a file has holes, they do not.
      const shows = guest.isFixed && (isRaw || !options.extendedL2);
      if (!shows) return undefined;
      return guest.backend.discard === undefined ? "zeros" : "discard";
    }
    case "falloc":
      return guest.isFixed || guest.backend.allocate === undefined ? "zeros" : "reserve";
    case "full":
      return "zeros";
  }
}

function tableWork(table: TablePlan, { backend, isFixed }: Target): Work[] {
  const { offset } = table;
  const filled = filledBytes(table);
  const work: Work[] = [{ kind: "table", backend, offset, length: filled, table }];
  if (isFixed) work.push({ kind: "zeros", backend, offset: offset + filled, length: table.length - filled });
  return work;
}
