export * from "./backend-error.js";
export type * from "./block-backend.js";
export type * from "./compression-backend.js";
export type * from "./io-options.js";
export type * from "./time-backend.js";
