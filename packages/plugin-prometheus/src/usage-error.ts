// What is wrong with a flag of this plugin. Owns that a command reports it as its own errors of usage, whatever copy of
// @qcow/cli-kit it has: by name and code.

export class UsageError extends Error {
  readonly code = "CLI_USAGE";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}
