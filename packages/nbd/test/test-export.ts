// An export in memory whose every operation can be held up or made to fail.

import type { NbdExport } from "../src/index.js";
import { AllocationFlag, BASE_ALLOCATION } from "../src/index.js";

export interface Gate {
  /** Called before an operation takes effect; `undefined` lets it pass at once. */
  before?: (operation: string, offset: number) => Promise<void> | undefined;
}

/** 1 MiB; the upper half is a hole at first. */
export function testExport(
  gate: Gate = {},
): NbdExport & { readonly log: string[]; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(1024 * 1024).fill(0xaa, 0, 512 * 1024);
  const log: string[] = [];
  const enter = async (operation: string, offset: number): Promise<void> => {
    log.push(operation);
    await gate.before?.(operation, offset);
  };
  return {
    log,
    bytes,
    size: bytes.byteLength,
    description: "for tests",
    preferredBytes: 4096,
    multiConnection: true,
    contexts: [BASE_ALLOCATION, "x-test:odd"],
    async read(offset, target, { signal }) {
      await enter("read", offset);
      signal?.throwIfAborted();
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
    async blockStatus(context, { offset, length }, list, { extentsMax }) {
      await enter(`status ${context}`, offset);
      for (let at = offset; at < offset + length; at += 4096) {
        const { hole, zero } = AllocationFlag;
        const odd = (at / 4096) & 1;
        const flags = context === BASE_ALLOCATION ? (at < 512 * 1024 ? 0 : hole | zero) : odd;
        if (!list.add(Math.min(4096, offset + length - at), flags, extentsMax)) return;
      }
    },
    cache: (offset) => enter("cache", offset),
    async write(offset, source) {
      await enter("write", offset);
      bytes.set(source, offset);
    },
    flush: () => enter("flush", 0),
    async writeZeroes(offset, length, { mayUnmap }) {
      await enter(mayUnmap ? "zeroes" : "zeroes without hole", offset);
      bytes.fill(0, offset, offset + length);
    },
    zeroesFast: (_offset, length) => length >= 4096,
    async trim(offset, length) {
      await enter("trim", offset);
      bytes.fill(0, offset, offset + length);
    },
  };
}
