// How many requests and bytes may still be used. Owns the sums and the refusal; bytes are set aside when a
// request is sent, so that requests under way cannot exceed the budget together.

import { httpError } from "./http-error.js";
import type { HttpCounters } from "./http-event.js";
import type { HttpSettings } from "./http-options.js";

/** Bytes set aside for one answer. */
export interface Reservation {
  /** Counts bytes that arrived. Those that were not set aside may exceed the budget, and then throw. */
  receive(bytes: number): void;
  /** Sets more aside, or throws `HTTP_BUDGET`. */
  extend(bytes: number): void;
  /** Gives back what did not arrive. */
  release(): void;
}

export class Budget {
  readonly #counters: HttpCounters;
  readonly #settings: HttpSettings;
  readonly #label: string;
  #reserved = 0;

  constructor(counters: HttpCounters, settings: HttpSettings, label: string) {
    this.#counters = counters;
    this.#settings = settings;
    this.#label = label;
  }

  /** Whether `bytes` more can be asked for. */
  allows(bytes: number): boolean {
    return this.#counters.requests < this.#settings.maxRequests && this.#allowsBytes(bytes);
  }

  /** Counts one more request, which throws `HTTP_BUDGET` when it is one too many. */
  countRequest(): void {
    const { maxRequests } = this.#settings;
    if (this.#counters.requests >= maxRequests) throw this.#exceeded(`${maxRequests} requests`);
    this.#counters.requests += 1;
  }

  /** Sets `bytes` aside, or throws `HTTP_BUDGET`. */
  reserve(bytes: number): Reservation {
    const { maxBytes } = this.#settings;
    if (!this.#allowsBytes(bytes)) throw this.#exceeded(`${maxBytes} bytes`);
    this.#reserved += bytes;
    let left = bytes;
    const take = (taken: number) => {
      const part = Math.min(taken, left);
      left -= part;
      this.#reserved -= part;
    };
    return {
      receive: (received) => {
        const isExpected = received <= left;
        this.#counters.bytesReceived += received;
        take(received);
        if (!isExpected && this.#counters.bytesReceived + this.#reserved > maxBytes)
          throw this.#exceeded(`${maxBytes} bytes`);
      },
      extend: (more) => {
        if (!this.#allowsBytes(more)) throw this.#exceeded(`${maxBytes} bytes`);
        this.#reserved += more;
        left += more;
      },
      release: () => take(left),
    };
  }

  #allowsBytes(bytes: number): boolean {
    return this.#counters.bytesReceived + this.#reserved + bytes <= this.#settings.maxBytes;
  }

  #exceeded(what: string): Error {
    return httpError("HTTP_BUDGET", this.#label, `the next request could exceed the budget of ${what}`);
  }
}
