// Headers of a request, by name. Owns what a name and a value may be, and that an error shows no value.

import type { HttpHeaders } from "./http-options.js";

/** A token and a field value of RFC 9110, §5.6.2 and §5.5. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Names in lower case, with their values. */
export type RequestHeaders = Record<string, string>;

/** Throws for a name or a value that cannot be sent. A name that comes twice has both values. */
export function requestHeaders(given: HttpHeaders): RequestHeaders {
  const headers = new Map<string, string>();
  for (const [name, untrimmed] of pairsOf(given)) {
    const value = String(untrimmed).replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, "");
    if (!NAME.test(name) || !VALUE.test(value))
      throw new Error(`the header ${name} or its value is not valid`);
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(headers);
}

function pairsOf(headers: HttpHeaders): Iterable<readonly [string, string]> {
  if (Array.isArray(headers)) return headers;
  return isHeaders(headers) ? headers.entries() : Object.entries(headers);
}

/** Not `instanceof`: naming the class loads it, which takes longer than many a request. */
function isHeaders(headers: object): headers is Headers {
  return "entries" in headers && typeof headers.entries === "function";
}
