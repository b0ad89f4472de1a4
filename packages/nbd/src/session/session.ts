// One connection from its first byte to its last. Owns the order of the phases, and how a connection is ended from
// outside.

import { Channel } from "./channel.js";
import type { NbdStream } from "./nbd-stream.js";
import { Negotiation } from "./negotiation.js";
import type { SessionContext } from "./session-options.js";
import { Transmission } from "./transmission.js";
import { withinTime } from "./within-time.js";

export class Session {
  readonly #context: SessionContext;
  readonly #channel: Channel;
  readonly #ended = new AbortController();
  #transmission: Transmission | undefined;
  #closing = false;

  constructor(stream: NbdStream, context: SessionContext) {
    this.#context = context;
    this.#channel = new Channel(stream);
  }

  /** Whether the client has chosen an export. */
  get negotiated(): boolean {
    return this.#transmission !== undefined;
  }

  /** Resolves when the connection is over; rejects with the reason when it did not end in peace. */
  async run(): Promise<void> {
    try {
      await this.#phases();
      this.#channel.stream.close();
    } catch (error) {
      this.#channel.destroy();
      if (!this.#closing) throw error;
    } finally {
      this.#ended.abort();
    }
  }

  /** Ends the connection once what is under way is answered; at once when no export was chosen yet. */
  async shutDown(): Promise<void> {
    this.#closing = true;
    if (this.#transmission === undefined) this.destroy();
    else await this.#transmission.shutDown();
  }

  /** Ends the connection now. */
  destroy(): void {
    this.#closing = true;
    this.#ended.abort();
    this.#transmission?.abandon();
    this.#channel.destroy();
  }

  async #phases(): Promise<void> {
    const { limits, time, observer } = this.#context;
    const negotiation = new Negotiation(this.#channel, this.#context, this.#ended.signal);
    const giveUp = () => {
      this.#ended.abort();
      this.#channel.destroy();
    };
    const agreement = await withinTime(time, limits.handshakeMs, giveUp, () => negotiation.run());
    if (agreement === undefined || this.#closing) return;
    this.#transmission = new Transmission(this.#channel, agreement, limits, observer);
    await this.#transmission.run();
  }
}
