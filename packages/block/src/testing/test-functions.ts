// What a suite needs from a test runner. The runner's own functions are passed in, so that this
// package depends on none: vitest, mocha, jest and node:test all fit.

export interface TestFunctions {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}
