// The public names of this package.

export * from "./faulty-backend.js";
export * from "./manual-clock.js";
export * from "./memory-backend.js";
