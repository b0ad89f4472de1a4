// The flags of commands that can read an image from a server. Owns their definitions; remote-access.ts acts on them.

import { boolean, custom, integer, string } from "@oclif/core/flags";
import type { BooleanFlag, OptionFlag } from "@oclif/core/interfaces";
import { CommandError } from "./command-error.js";
import { sizeFlag } from "./common-flags.js";

/** The values of `REMOTE_FLAGS`; all are absent in commands that do not have them. */
export interface RemoteFlags {
  readonly header?: readonly RequestHeader[] | undefined;
  readonly "bearer-env"?: string | undefined;
  readonly "max-requests"?: number | undefined;
  readonly "max-bytes"?: number | undefined;
  readonly "download-whole"?: boolean | undefined;
  readonly stats?: boolean | undefined;
}

/** One header that the user wants to be sent. */
export interface RequestHeader {
  readonly name: string;
  readonly value: string;
}

/** What oclif is told of the flags for images at servers. */
export type RemoteFlagDefinitions = {
  readonly header: OptionFlag<RequestHeader[] | undefined>;
  readonly "bearer-env": OptionFlag<string | undefined>;
  readonly "max-requests": OptionFlag<number | undefined>;
  readonly "max-bytes": OptionFlag<number | undefined>;
  readonly "download-whole": BooleanFlag<boolean>;
  readonly stats: BooleanFlag<boolean>;
};

const GROUP = "REMOTE";

export const REMOTE_FLAGS: RemoteFlagDefinitions = {
  header: custom<RequestHeader>({
    multiple: true,
    description: "Send this header to the server of IMAGE. Other users of this machine may see it.",
    helpGroup: GROUP,
    helpValue: "'NAME: VALUE'",
    parse: async (input) => parseHeader(input),
  })({ multiple: true }),
  "bearer-env": string({
    description:
      "Send the token in this environment variable as Authorization: Bearer. Asked again when it expires.",
    helpGroup: GROUP,
    helpValue: "VARIABLE",
  }),
  "max-requests": integer({
    min: 1,
    description: "Fail rather than send more requests than this.",
    helpGroup: GROUP,
    helpValue: "N",
  }),
  "max-bytes": { ...sizeFlag("Fail rather than receive more bytes than this."), helpGroup: GROUP },
  "download-whole": boolean({
    description: "Download the whole image to a temporary file if the server does not send parts of it.",
    helpGroup: GROUP,
  }),
  stats: boolean({
    description: "Print how many requests and bytes it took, on stderr or in the JSON document.",
    helpGroup: GROUP,
  }),
};

/** RFC 9110, 5.6.2: what a name of a header consists of. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What a value may not have: it would begin another header. Fetch takes no more than Latin-1. */
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** What belongs to the request itself. */
const OURS = new Set([
  "range",
  "if-match",
  "if-range",
  "accept-encoding",
  "host",
  "content-length",
  "connection",
]);

/** Reads `NAME: VALUE`. Says nothing of the value in an error: it may be a secret. */
function parseHeader(input: string): RequestHeader {
  const colon = input.indexOf(":");
  const name = input.slice(0, Math.max(0, colon)).trim();
  const value = input.slice(colon + 1).trim();
  if (colon <= 0 || !NAME.test(name)) throw new CommandError("CLI_USAGE", "--header wants 'NAME: VALUE'");
  if (BAD_VALUE.test(value))
    throw new CommandError("CLI_USAGE", `--header ${name}: the value cannot be sent in a header`);
  if (OURS.has(name.toLowerCase()))
    throw new CommandError("CLI_USAGE", `--header ${name}: qcow sets this header itself`);
  return { name, value };
}
