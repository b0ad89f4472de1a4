// The exit codes that scripts may rely on. Owns the numbers; error-report.ts decides which applies.

export const ExitCode = {
  ok: 0,
  /** The command could not do what was asked. For `check`: the check could not be completed. */
  failed: 1,
  /** `check`: the image is corrupt. */
  corrupt: 2,
  /** `check`: nothing is lost, but clusters are leaked. */
  leaks: 3,
  /** `check`: the format has nothing to check. */
  notSupported: 63,
  /** The command line is wrong. */
  usage: 64,
  /** A bug in qcow. */
  bug: 70,
  /** Ended by SIGINT, SIGTERM or SIGHUP. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
