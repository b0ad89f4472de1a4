// The flags by which a client learns what an export can do.

import type { ReplyStyle } from "../protocol/reply.js";
import { TransmissionFlag } from "../protocol/transmission-flag.js";
import type { NbdExport } from "./nbd-export.js";

/** `style` is how the connection's replies look, and `hasContexts` whether contexts of this export were chosen. */
export function transmissionFlags(disk: NbdExport, style: ReplyStyle, hasContexts: boolean): number {
  const { hasFlags, flush, fua, ...flag } = TransmissionFlag;
  const when = (condition: boolean, bit: number): number => (condition ? bit : 0);
  return (
    hasFlags |
    flush |
    fua |
    when(disk.write === undefined, flag.readOnly) |
    when(disk.trim !== undefined, flag.trim) |
    when(disk.writeZeroes !== undefined, flag.writeZeroes) |
    when(disk.writeZeroes !== undefined && disk.zeroesFast !== undefined, flag.fastZero) |
    when(style !== "simple", flag.dontFragment) |
    when(disk.multiConnection, flag.multiConnection) |
    when(disk.cache !== undefined, flag.cache) |
    when(style === "extended" && hasContexts, flag.blockStatusPayload)
  );
}
