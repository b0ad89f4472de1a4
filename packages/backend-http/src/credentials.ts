// The caller's headers: asked for once, and anew when the server refuses them. Owns that requests which fail
// together ask together, and that no other origin sees them; what they are is the caller's business.

import { httpError } from "./http-error.js";
import type { HttpOptions } from "./http-options.js";
import { type RequestHeaders, requestHeaders } from "./request-headers.js";

/** Headers, and whether they are still the newest. */
export interface Held {
  readonly headers: Readonly<RequestHeaders>;
}

export class Credentials {
  readonly #ask: HttpOptions["headers"];
  readonly #origin: string;
  readonly #basic: string | undefined;
  readonly #label: string;
  #held: Promise<Held> | undefined;

  /** `url` may have a user name and a password, which `fetch` refuses in an address. */
  constructor(ask: HttpOptions["headers"], url: URL, label: string) {
    this.#ask = ask;
    this.#origin = url.origin;
    this.#label = label;
    if (url.username !== "" || url.password !== "") this.#basic = basicAuthorization(url);
  }

  get canRenew(): boolean {
    return this.#ask !== undefined;
  }

  current(): Promise<Held> {
    this.#held ??= this.#asked("first");
    return this.#held;
  }

  /** Newer headers than `old`, which the server refused; `onAsk` is called if the caller has to be asked. */
  async renewed(old: Held, onAsk: () => void): Promise<Held> {
    const held = await this.current();
    if (held !== old) return held;
    onAsk();
    this.#held = this.#asked("renew");
    return this.#held;
  }

  /** The headers for a request to `url`: none for another origin than that of the address. */
  headersFor(held: Held, url: URL): RequestHeaders {
    return url.origin === this.#origin ? { ...held.headers } : {};
  }

  async #asked(why: "first" | "renew"): Promise<Held> {
    const basic = this.#basic === undefined ? {} : { authorization: this.#basic };
    try {
      return { headers: { ...basic, ...requestHeaders((await this.#ask?.(why)) ?? []) } };
    } catch (cause) {
      // Asked again by the next request: this one's failure need not last.
      this.#held = undefined;
      throw httpError("BACKEND_PERMISSION", this.#label, "no headers could be had for the request", cause);
    }
  }
}

function basicAuthorization(url: URL): string {
  const text = `${decoded(url.username)}:${decoded(url.password)}`;
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
}

/** `text` without percent signs that stand for bytes; as it is where they do not. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
