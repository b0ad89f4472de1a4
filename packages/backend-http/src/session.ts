// What all requests for one file share. Owns nothing but the bundle, the first version seen, and the numbering of
// requests.

import type { TimeBackend } from "@qcow/block";
import { Address } from "./address.js";
import { Budget, HttpBudget } from "./budget.js";
import { Credentials } from "./credentials.js";
import { type HttpCounters, type HttpEvent, newHttpCounters } from "./http-event.js";
import type { HttpFetch } from "./http-fetch.js";
import { type HttpOptions, type HttpSettings, settingsOf } from "./http-options.js";
import { redactUrl } from "./redact.js";
import type { Validator } from "./validator.js";

/** The version of the file that was opened. */
export interface PinnedFile {
  readonly size: number;
  readonly validator: Validator;
}

export class Session {
  readonly label: string;
  readonly time: TimeBackend;
  readonly settings: HttpSettings;
  readonly counters: HttpCounters = newHttpCounters();
  readonly address: Address;
  readonly credentials: Credentials;
  readonly budget: Budget;
  readonly send: HttpFetch;
  /** Undefined until the first answer. */
  pinned: PinnedFile | undefined;
  readonly #onEvent: HttpOptions["onEvent"];
  #lastId = 0;
  #cache: "default" | "reload";

  constructor(url: URL, options: HttpOptions) {
    this.label = redactUrl(url);
    this.time = options.time;
    this.settings = settingsOf(options);
    this.credentials = new Credentials(options.headers, url, this.label);
    this.budget = new Budget(this.counters, options.budget ?? new HttpBudget(), this.label);
    this.address = new Address(withoutUser(url));
    const { fetch } = options;
    this.send = (address, request) => (fetch ?? globalThis.fetch)(address, request);
    this.#cache = options.reload ? "reload" : "default";
    this.#onEvent = options.onEvent;
  }

  /** How requests use a browser's cache. */
  get cache(): "default" | "reload" {
    return this.#cache;
  }

  /** From now on requests go past the browser's cache. Whether that is any news. */
  goPastCache(): boolean {
    const isNews = this.settings.isBrowser && this.#cache !== "reload";
    if (isNews) this.#cache = "reload";
    return isNews;
  }

  /** The number of the next request. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  report(event: HttpEvent): void {
    this.#onEvent?.(event);
  }
}

/** What can be sent: no user, which goes into a header, and no fragment. */
function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  return bare;
}
