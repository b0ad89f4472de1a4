// The error class of the command line itself. Codes are API, messages are not. Errors of the layers
// below keep their own classes and codes.

export type CommandErrorCode =
  /** The command line is wrong. */
  | "CLI_USAGE"
  /** The image names another file, and the policy of `--backing` forbids opening it. */
  | "CLI_REFERENCE_REFUSED"
  /** No backend is registered for the scheme of an address. */
  | "CLI_UNKNOWN_SCHEME"
  /** Only local files can be changed, and the address is of another scheme. */
  | "CLI_READ_ONLY_ADDRESS"
  /** The output is the image itself, or a file that the image is made of. */
  | "CLI_OUTPUT_IS_INPUT"
  /** Stdout cannot be written to: its disk is full, for example. */
  | "CLI_OUTPUT_FAILED"
  /** Nobody can connect where the server was to listen: the address is in use, for example. */
  | "CLI_CANNOT_LISTEN"
  /** A key or a certificate cannot be read, or makes no sense. */
  | "CLI_BAD_CREDENTIALS"
  /** What was changed does not read as it did before, and it should. */
  | "CLI_VERIFY_FAILED"
  /** `info --filter`: the path is malformed, or leads nowhere. */
  | "CLI_FILTER"
  /** A plugin or oclif itself gave up, for the reason in the message. */
  | "CLI_FAILED"
  /** Ended by SIGINT, SIGTERM or SIGHUP. */
  | "CLI_INTERRUPTED"
  /** A broken invariant: a bug in qcow. */
  | "CLI_BUG";

export interface CommandErrorContext {
  /** What the user can do about it, one line. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: CommandErrorCode;
  readonly hint: string | undefined;

  constructor(code: CommandErrorCode, message: string, context: CommandErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.hint = context.hint;
  }
}

/** Whether `error` is a `CommandError`, and has one of `codes` when any are given; works across copies of this package. */
export function isCommandError(error: unknown, ...codes: CommandErrorCode[]): error is CommandError {
  if (!(error instanceof Error) || error.name !== "CommandError") return false;
  return codes.length === 0 || codes.includes((error as CommandError).code);
}
