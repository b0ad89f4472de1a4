// The library: an image without its contents, and an image of that again. Runs anywhere; files and compression are the
// caller's. The commands are files of their own.

export { packSingle, unpackSingle } from "./archive/single-file.js";
export { type Dehydrated, type DehydrateOptions, dehydrate } from "./dehydrate.js";
export { DehydrateError, type DehydrateErrorCode } from "./dehydrate-error.js";
export { type Rehydrated, type RehydrateMeta, type RehydrateSource, rehydrate } from "./rehydrate.js";
