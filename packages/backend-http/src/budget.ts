// How many requests and bytes may still be used. Owns the sums and the refusal; bytes are set aside when a
// request is sent, so that requests under way cannot exceed the budget together.

import { BackendError } from "@qcow/block";
import { httpError } from "./http-error.js";
import type { HttpCounters } from "./http-event.js";

/** Of all files together; what is absent is no limit. */
export interface HttpLimits {
  readonly maxRequests?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** What may be used of servers, by all files together that are opened with it. */
export class HttpBudget {
  readonly maxRequests: number;
  readonly maxBytes: number;
  /** What was used so far: requests, bytes of answers, and bytes that are set aside for answers under way. */
  requests = 0;
  bytes = 0;
  reserved = 0;

  /** Throws `BACKEND_BAD_RANGE` for a number that cannot be; one that is absent is no limit. */
  constructor({ maxRequests, maxBytes }: HttpLimits = {}) {
    this.maxRequests = limit("maxRequests", maxRequests);
    this.maxBytes = limit("maxBytes", maxBytes);
  }
}

function limit(name: string, value = Number.POSITIVE_INFINITY): number {
  if (value >= 0 && (Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY)) return value;
  throw new BackendError(
    "BACKEND_BAD_RANGE",
    `${name} must be a whole number, 0 or more, not ${String(value)}`,
  );
}

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
  readonly #shared: HttpBudget;
  readonly #label: string;

  constructor(counters: HttpCounters, shared: HttpBudget, label: string) {
    this.#counters = counters;
    this.#shared = shared;
    this.#label = label;
  }

  /** Whether `bytes` more can be asked for. */
  allows(bytes: number): boolean {
    return this.#shared.requests < this.#shared.maxRequests && this.#allowsBytes(bytes);
  }

  /** Counts one more request, which throws `HTTP_BUDGET` when it is one too many. */
  countRequest(): void {
    const { maxRequests, requests } = this.#shared;
    if (requests >= maxRequests) throw this.#exceeded(`${maxRequests} requests`);
    this.#shared.requests += 1;
    this.#counters.requests += 1;
  }

  /** Sets `bytes` aside, or throws `HTTP_BUDGET`. */
  reserve(bytes: number): Reservation {
    const shared = this.#shared;
    const { maxBytes } = shared;
    if (!this.#allowsBytes(bytes)) throw this.#exceeded(`${maxBytes} bytes`);
    shared.reserved += bytes;
    let left = bytes;
    const take = (taken: number) => {
      const part = Math.min(taken, left);
      left -= part;
      shared.reserved -= part;
    };
    return {
      receive: (received) => {
        const isExpected = received <= left;
        this.#counters.bytesReceived += received;
        shared.bytes += received;
        take(received);
        if (!isExpected && shared.bytes + shared.reserved > maxBytes)
          throw this.#exceeded(`${maxBytes} bytes`);
      },
      extend: (more) => {
        if (!this.#allowsBytes(more)) throw this.#exceeded(`${maxBytes} bytes`);
        shared.reserved += more;
        left += more;
      },
      release: () => take(left),
    };
  }

  #allowsBytes(bytes: number): boolean {
    const { bytes: used, reserved, maxBytes } = this.#shared;
    return used + reserved + bytes <= maxBytes;
  }

  #exceeded(what: string): Error {
    return httpError("HTTP_BUDGET", this.#label, `the next request could exceed the budget of ${what}`);
  }
}
