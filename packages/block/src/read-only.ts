// A view for reading of any backend. Owns the promise that nothing is written through it: the view
// has no write members, in the types and at run time.

import type { ReadableBlockBackend } from "./block-backend.js";
import { ForwardingReader } from "./forwarding.js";

/** The same bytes without `write`, `resize`, `flush`, `discard` and `allocate`. Closing the view closes `backend`. */
export function readOnly(backend: ReadableBlockBackend): ReadableBlockBackend {
  return new ForwardingReader(backend);
}
