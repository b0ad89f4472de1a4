// The public names of "@qcow/block/testing": conformance suites for whoever implements a contract.

export { type BlockAbilities, type BlockBackendSuite, runBlockBackendSuite } from "./block-backend-suite.js";
export { type CompressionBackendSuite, runCompressionBackendSuite } from "./compression-backend-suite.js";
export {
  type ReadableAbilities,
  type ReadableBackendSuite,
  runReadableBackendSuite,
} from "./readable-backend-suite.js";
export type { TestFunctions } from "./test-functions.js";
export { runTimeBackendSuite, type TimeBackendSuite } from "./time-backend-suite.js";
