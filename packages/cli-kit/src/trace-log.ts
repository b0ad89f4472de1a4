// `--trace`: one line on stderr for each access to a backend. Owns the wording, which is qcow-tool's
// with offsets in bytes.

import { type BlockBackend, type ReadableBlockBackend, type TraceEvent, withTracing } from "@qcow/block";
import { printable } from "@qcow/format";

/**
 * `backend`, with every access told to `log` before it happens: `BLOCK.read OFFSET len = BYTES`, both in bytes.
 * `name` is appended where more than one file is open.
 */
export function traced(backend: BlockBackend, log: (line: string) => void, name?: string): BlockBackend;
export function traced(
  backend: ReadableBlockBackend,
  log: (line: string) => void,
  name?: string,
): ReadableBlockBackend;
export function traced(
  backend: ReadableBlockBackend,
  log: (line: string) => void,
  name = "",
): ReadableBlockBackend {
  const suffix = name === "" ? "" : ` ${printable(name)}`;
  return withTracing(backend, (event) => {
    const line = event.phase === "start" ? traceLine(event) : undefined;
    if (line !== undefined) log(`${line}${suffix}`);
  });
}

function traceLine(event: TraceEvent): string | undefined {
  switch (event.operation) {
    case "read":
    case "write":
    case "discard":
    case "allocate":
      return `BLOCK.${event.operation} ${event.offset} len = ${event.length}`;
    case "resize":
      return `BLOCK.resize ${event.length}`;
    case "flush":
      return "BLOCK.flush";
    default:
      return undefined;
  }
}
