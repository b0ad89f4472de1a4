// A small NBD client for tests. Owns putting replies together by cookie; checks that each reply keeps the rules that a
// client relies on.

import {
  type Chunk,
  decodeChunk,
  decodeGreeting,
  decodeOptionReply,
  decodeOptionReplyHead,
  decodeReply,
  encodeClientFlags,
  encodeOptionHead,
  encodeOptionRequest,
  encodeRequest,
  GREETING_BYTES,
  OPTION_REPLY_HEAD_BYTES,
  type OptionReply,
  type OptionRequest,
  REPLY_FLAG_DONE,
  ReplyBytes,
  type RequestHead,
  replyStyleOf,
} from "../src/protocol/index.js";
import { ByteSource } from "../src/session/byte-source.js";
import type { NbdStream } from "../src/session/nbd-stream.js";

/** A whole reply. */
export interface Reply {
  readonly cookie: bigint;
  readonly error: number;
  readonly style: "simple" | "structured" | "extended";
  readonly chunks: readonly Chunk[];
  /** The contents of a read. */
  readonly data: Uint8Array;
}

interface Pending {
  readonly head: RequestHead;
  readonly data: Uint8Array;
  readonly chunks: Chunk[];
}

export class NbdClient {
  readonly stream: NbdStream;
  source: ByteSource;
  extended = false;
  readonly #pending = new Map<bigint, Pending>();
  #cookie = 1n;

  constructor(stream: NbdStream) {
    this.stream = stream;
    this.source = new ByteSource(stream);
  }

  /** Answers the greeting. */
  async hello(flags = { fixedNewstyle: true, noZeroes: true }): Promise<number> {
    const greeting = decodeGreeting(await this.source.take(GREETING_BYTES));
    await this.stream.write([encodeClientFlags(flags)]);
    return greeting;
  }

  /** Sends an option and reads replies until the last one. */
  async option(option: OptionRequest): Promise<OptionReply[]> {
    const { code, data } = encodeOptionRequest(option);
    return await this.rawOption(code, data);
  }

  async rawOption(code: number, data: Uint8Array): Promise<OptionReply[]> {
    await this.stream.write([encodeOptionHead({ code, length: data.byteLength }), data]);
    const replies: OptionReply[] = [];
    for (;;) {
      const head = decodeOptionReplyHead(await this.source.take(OPTION_REPLY_HEAD_BYTES));
      if (head.option !== code) throw new Error(`a reply to option ${head.option}`);
      const reply = decodeOptionReply(head.code, await this.source.take(head.length));
      replies.push(reply);
      if (reply.kind === "ack" || reply.kind === "error") return replies;
    }
  }

  /** From nothing to the transmission phase. */
  async connect(
    name = "",
    { style = "structured" as Reply["style"], contexts = [] as string[] } = {},
  ): Promise<OptionReply[]> {
    await this.hello();
    if (style === "structured") await this.option({ kind: "structuredReply" });
    if (style === "extended") await this.option({ kind: "extendedHeaders" });
    this.extended = style === "extended";
    if (contexts.length > 0) await this.option({ kind: "setMetaContext", name, queries: contexts });
    return await this.option({ kind: "go", name, wanted: [3] });
  }

  /** Sends a request and does not wait; gives its cookie. */
  async send(
    command: number,
    offset: number | bigint,
    length: number | bigint,
    { flags = 0, payload = undefined as Uint8Array | undefined } = {},
  ): Promise<bigint> {
    const cookie = this.#cookie++;
    const head = { command, flags, cookie, offset: BigInt(offset), length: BigInt(length) };
    this.#pending.set(cookie, {
      head,
      data: new Uint8Array(command === 0 && length < 1n << 26n ? Number(length) : 0),
      chunks: [],
    });
    const bytes = encodeRequest(head, this.extended);
    await this.stream.write(payload === undefined ? [bytes] : [bytes, payload]);
    return cookie;
  }

  /** Sends a request and waits for its reply, which has to be the next one. */
  async request(...args: Parameters<NbdClient["send"]>): Promise<Reply> {
    const cookie = await this.send(...args);
    const reply = await this.reply();
    if (reply.cookie !== cookie) throw new Error(`the reply to ${reply.cookie} instead of ${cookie}`);
    return reply;
  }

  /** The next reply that is complete. */
  async reply(): Promise<Reply> {
    for (;;) {
      const reply = await this.#chunk();
      if (reply !== undefined) return reply;
    }
  }

  async #chunk(): Promise<Reply | undefined> {
    const magic = await this.source.take(4);
    const style = replyStyleOf(magic);
    const rest = await this.source.take(ReplyBytes[style] - 4);
    const head = decodeReply(Uint8Array.from([...magic, ...rest]));
    const pending = this.#pending.get(head.cookie);
    if (pending === undefined) throw new Error(`a reply to nothing: ${head.cookie}`);
    const { chunks, data } = pending;
    if (head.kind === "simple") {
      if (this.extended) throw new Error("a simple reply in spite of extended headers");
      if (head.error === 0 && pending.head.command === 0) await this.source.fill(data);
      return this.#done(pending, head.error, style);
    }
    if (head.kind === "extended" && head.offset !== pending.head.offset) throw new Error("another offset");
    const chunk = decodeChunk(head.type, await this.source.take(head.length));
    chunks.push(chunk);
    if (chunk.kind === "data") data.set(chunk.data, Number(chunk.offset - pending.head.offset));
    if ((head.flags & REPLY_FLAG_DONE) === 0) return undefined;
    const failed = chunks.find(({ kind }) => kind === "error") as { error: number } | undefined;
    if (failed === undefined && pending.head.command === 0) requireCovered(pending);
    return this.#done(pending, failed?.error ?? 0, style);
  }

  #done({ head, chunks, data }: Pending, error: number, style: Reply["style"]): Reply {
    this.#pending.delete(head.cookie);
    return { cookie: head.cookie, error, style, chunks, data };
  }
}

function requireCovered({ head, chunks }: Pending): void {
  let bytes = 0;
  for (const chunk of chunks) {
    if (chunk.kind === "data") bytes += chunk.data.byteLength;
    if (chunk.kind === "hole") bytes += chunk.length;
  }
  if (bytes !== Number(head.length)) throw new Error(`chunks of ${bytes} bytes for ${head.length}`);
}
