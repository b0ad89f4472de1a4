// Where the file is: the address that was given, and the one it led to. Owns the pinned address and that only
// one request at a time looks for it anew; following the redirects is send-request's.

/** Where one request begins. Whoever has it says, once, where it led. */
export interface Lease {
  readonly url: URL;
  /** Whether `url` was found by a redirect before, and could be found anew. */
  readonly isPinned: boolean;
  /** The request led to `url`; undefined when it led nowhere. Calling again does nothing. */
  readonly settle: (url: URL | undefined) => void;
  /** What `url` was found for does not hold any more: the next request begins at the original address. */
  readonly forget: () => void;
}

export class Address {
  readonly original: URL;
  #pinned: URL | undefined;
  #resolving: Promise<void> | undefined;

  constructor(original: URL) {
    this.original = original;
  }

  /** Where the file was found last; before that, where it is looked for. */
  get current(): URL {
    return this.#pinned ?? this.original;
  }

  /** Waits while another request looks for the address. */
  async lease(): Promise<Lease> {
    while (this.#resolving !== undefined) await this.#resolving;
    return this.#pinned === undefined ? this.#resolve() : this.#leasePinned(this.#pinned);
  }

  #resolve(): Lease {
    let done = () => {};
    this.#resolving = new Promise((resolve) => {
      done = resolve;
    });
    const settle = (url: URL | undefined) => {
      if (this.#resolving === undefined) return;
      this.#pinned = url;
      this.#resolving = undefined;
      done();
    };
    let isSettled = false;
    const once = (url: URL | undefined) => {
      if (!isSettled) settle(url);
      isSettled = true;
    };
    return { url: this.original, isPinned: false, settle: once, forget: () => {} };
  }

  #leasePinned(pinned: URL): Lease {
    return {
      url: pinned,
      isPinned: pinned.href !== this.original.href,
      settle: (url) => {
        if (url !== undefined && this.#pinned === pinned) this.#pinned = url;
      },
      forget: () => {
        if (this.#pinned === pinned) this.#pinned = undefined;
      },
    };
  }
}
