// The second phase of a connection (protocol: "Transmission"): reads requests, has them answered at once, and sends the
// answers as they come. Owns how far reading may run ahead of answering.

import { errorNumberOf } from "../exports/error-number-of.js";
import { ErrorNumber } from "../protocol/error-number.js";
import {
  Command,
  decodeRequest,
  EXTENDED_REQUEST_BYTES,
  REQUEST_BYTES,
  type RequestHead,
} from "../protocol/request.js";
import { answerChange } from "./answer-change.js";
import { answerRead, answerReadNow } from "./answer-read.js";
import { answerStatus, STATUS_BYTES_MAX } from "./answer-status.js";
import { BufferPool } from "./buffer-pool.js";
import type { Channel } from "./channel.js";
import { type Answer, type Conversation, plainReply, type Request, RequestError } from "./conversation.js";
import { InFlight } from "./in-flight.js";
import { type Judgement, judgeRequest } from "./judge-request.js";
import type { Agreement } from "./negotiation.js";
import { Polling } from "./polling.js";
import { ReplyWriter } from "./reply-writer.js";
import type { NbdLimits, NbdObserver } from "./session-options.js";
import { SignalPool } from "./signal-pool.js";

/** What a request takes beside its payload, in bytes, generously. */
const REQUEST_OVERHEAD_BYTES = 1024;
/** Buffers that a connection keeps while it does not need them. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

export class Transmission {
  readonly #channel: Channel;
  readonly #conversation: Conversation;
  readonly #limits: NbdLimits;
  readonly #observer: NbdObserver | undefined;
  readonly #writer: ReplyWriter;
  readonly #inFlight: InFlight;
  /** Ends reads for a client that is gone. */
  readonly #signals = new SignalPool();
  readonly #polling = new Polling();
  #closing = false;
  #failure: unknown;

  constructor(channel: Channel, agreement: Agreement, limits: NbdLimits, observer: NbdObserver | undefined) {
    this.#channel = channel;
    this.#limits = limits;
    this.#observer = observer;
    this.#writer = new ReplyWriter(channel.stream);
    this.#inFlight = new InFlight({ requestsMax: limits.requestsMax, bytesMax: limits.inFlightBytesMax });
    this.#conversation = {
      agreement,
      buffers: new BufferPool(Math.min(KEPT_BYTES_MAX, limits.inFlightBytesMax)),
    };
  }

  /** Resolves when the client is through and everything was answered; rejects when the connection broke. */
  async run(): Promise<void> {
    try {
      await this.#readRequests();
    } catch (error) {
      this.#fail(error);
    }
    await this.#inFlight.idle();
    if (this.#failure !== undefined && !this.#closing) throw this.#failure;
  }

  /** From now on requests are refused; the connection ends once those under way are answered. */
  async shutDown(): Promise<void> {
    this.#closing = true;
    await this.#inFlight.idle();
    this.#channel.stream.close();
  }

  /** Nobody waits for answers any more. */
  abandon(): void {
    this.#signals.abort();
  }

  async #readRequests(): Promise<void> {
    const extended = this.#conversation.agreement.style === "extended";
    const headBytes = extended ? EXTENDED_REQUEST_BYTES : REQUEST_BYTES;
    const { source } = this.#channel;
    while (this.#failure === undefined) {
      const bytes = source.takeNow(headBytes) ?? (await source.takeOrEnd(headBytes));
      if (bytes === undefined) return;
      this.#polling.noteRequest();
      const head = decodeRequest(bytes, extended);
      if (head.command === Command.disconnect) return;
      const accepted = this.#accept(head);
      if (accepted !== undefined) await accepted;
    }
  }

  /** Begins with a request; undefined when that is done, so that what is in memory costs few promises. */
  #accept(head: RequestHead): Promise<void> | undefined {
    const judgement = judgeRequest(head, this.#conversation.agreement, this.#limits.payloadBytesMax);
    const error = this.#closing ? ErrorNumber.ESHUTDOWN : judgement.error;
    const bytes = REQUEST_OVERHEAD_BYTES + (error === 0 ? this.#bytesFor(head, judgement) : 0);
    const room = this.#inFlight.begin(bytes);
    if (room === undefined && error === 0 && head.command === Command.read) {
      const answer = answerReadNow(head, judgement, this.#conversation);
      if (answer !== undefined) {
        void this.#reply(head, judgement.length, answer, 0).finally(() => this.#inFlight.end(bytes));
        return undefined;
      }
    }
    return this.#begin(head, judgement, error, bytes, room);
  }

  async #begin(
    head: RequestHead,
    judgement: Judgement,
    error: number,
    bytes: number,
    room: Promise<void> | undefined,
  ): Promise<void> {
    if (room !== undefined) await room;
    try {
      const payload = await this.#payload(judgement.payloadBytes, error !== 0);
      const { offset, length } = judgement;
      const signal = this.#signals.take();
      void this.#handle({ head, offset, length, payload, signal }, error).finally(() => {
        this.#signals.give(signal);
        this.#inFlight.end(bytes);
      });
    } catch (failure) {
      this.#inFlight.end(bytes);
      throw failure;
    }
  }

  async #payload(length: number, refused: boolean): Promise<Uint8Array | undefined> {
    if (length === 0) return undefined;
    if (refused) {
      await this.#channel.source.skip(length);
      return undefined;
    }
    const payload = this.#conversation.buffers.take(length);
    await this.#channel.source.fill(payload);
    return payload;
  }

  #bytesFor({ command }: RequestHead, { payloadBytes, length }: Judgement): number {
    if (command === Command.read) return length;
    if (command === Command.blockStatus) {
      return payloadBytes + this.#conversation.agreement.contexts.length * STATUS_BYTES_MAX;
    }
    return payloadBytes;
  }

  /** Answers a request; never rejects. */
  async #handle(request: Request, refusal: number): Promise<void> {
    const { buffers } = this.#conversation;
    let error = refusal;
    let answer: Answer | undefined;
    if (error === 0) {
      try {
        answer = await this.#answer(request);
      } catch (failure) {
        error = this.#errorOf(failure);
      }
    }
    if (request.payload !== undefined) buffers.give(request.payload);
    await this.#reply(request.head, request.length, answer, error);
  }

  /** Sends the answer, or that there is none; never rejects. */
  async #reply(head: RequestHead, length: number, answer: Answer | undefined, error: number): Promise<void> {
    const { agreement, buffers } = this.#conversation;
    try {
      await this.#writer.send(answer?.parts ?? [plainReply(head, agreement.style, error)]);
    } catch (failure) {
      this.#fail(failure);
    }
    if (answer?.buffer !== undefined) buffers.give(answer.buffer);
    this.#observer?.request?.({ command: head.command, length, error });
  }

  async #answer(request: Request): Promise<Answer> {
    const { agreement } = this.#conversation;
    const { offset, length, head, signal } = request;
    switch (head.command) {
      case Command.read:
        return await answerRead(request, this.#conversation);
      case Command.blockStatus:
        return await answerStatus(request, this.#conversation);
      case Command.cache:
        if (length > 0) await agreement.disk.cache?.(offset, length, { signal });
        break;
      default:
        break;
    }
    return await answerChange(request, this.#conversation);
  }

  #errorOf(failure: unknown): number {
    if (failure instanceof RequestError) return failure.number;
    if (!this.#signals.aborted) {
      this.#observer?.exportFailed?.({ name: this.#conversation.agreement.name, error: failure });
    }
    return errorNumberOf(failure);
  }

  /** The connection is of no more use: whoever reads for it stops, and so does reading requests. */
  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#signals.abort();
    this.#channel.destroy();
  }
}
