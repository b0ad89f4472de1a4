// The public names of this package. Sockets are apart, at "/node"; the codec is at "/protocol".

export { type ImageExportOptions, imageExport } from "./exports/image-export.js";
export {
  AllocationFlag,
  BASE_ALLOCATION,
  type NbdExport,
  type StatusOptions,
  type ZeroesOptions,
} from "./exports/nbd-export.js";
export { StatusList } from "./exports/status-list.js";
export { NbdServer, type NbdServerOptions } from "./nbd-server.js";
export type { NbdStream } from "./session/nbd-stream.js";
export type { NbdLimits, NbdObserver, NbdTls } from "./session/session-options.js";
