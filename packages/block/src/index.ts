// The public names of this package; the conformance suite is apart, at the subpath "/testing".

export * from "./backend-error.js";
export type * from "./block-backend.js";
export * from "./check-range.js";
export type * from "./compression-backend.js";
export * from "./forwarding.js";
export type * from "./io-options.js";
export * from "./long-buffer.js";
export * from "./read-only.js";
export type * from "./time-backend.js";
export * from "./with-counting.js";
export * from "./with-padding.js";
export * from "./with-tracing.js";
export * from "./yield-to-host.js";
export { findZstdFrame } from "./zstd-frame.js";
