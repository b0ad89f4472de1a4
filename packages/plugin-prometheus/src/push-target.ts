// Where metrics are pushed to. Owns that a password in the address is never shown.

import { UsageError } from "./usage-error.js";

export interface PushTarget {
  /** With everything that was said. */
  readonly url: string;
  /** Without user, password and query: fit to be shown. */
  readonly shown: string;
}

export function parsePushTarget(input: string): PushTarget {
  if (!URL.canParse(input)) throw new UsageError("--metrics-push wants a URL, such as http://127.0.0.1:9091");
  const { protocol, host, pathname } = new URL(input);
  if (protocol !== "http:" && protocol !== "https:")
    throw new UsageError("--metrics-push wants an http: or https: URL");
  return { url: input, shown: `${protocol}//${host}${pathname}` };
}
