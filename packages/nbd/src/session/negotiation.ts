// The first phase of a connection (protocol: "Newstyle negotiation"): greets the client and answers its options until it
// has chosen an export. Owns what was agreed on; the requests that follow are transmission's.

import { transmissionFlags } from "../exports/transmission-flags.js";
import { encodeExportNameReply } from "../protocol/export-name-reply.js";
import {
  CLIENT_FLAGS_BYTES,
  type ClientFlags,
  decodeClientFlags,
  encodeGreeting,
  HandshakeFlag,
} from "../protocol/handshake.js";
import {
  decodeOptionHead,
  InfoType,
  OPTION_HEAD_BYTES,
  OptionCode,
  type OptionHead,
} from "../protocol/option.js";
import { encodeOptionReply, OptionError, type OptionReply } from "../protocol/option-reply.js";
import { decodeOptionRequest, type OptionRequest } from "../protocol/option-request.js";
import { isNbdProtocolError, NbdProtocolError } from "../protocol/protocol-error.js";
import type { ReplyStyle } from "../protocol/reply.js";
import type { Channel } from "./channel.js";
import { findExport, type NamedExport } from "./find-export.js";
import { chosenContexts, listedContexts } from "./match-contexts.js";
import type { SessionContext } from "./session-options.js";

/** The longest data of an option that is looked at, in bytes: enough for fifteen of the longest queries. */
const OPTION_BYTES_MAX = 64 * 1024;
/** Longer ones are not even waited for. */
const OPTION_BYTES_SKIPPED_MAX = 32 * 1024 * 1024;
/** Options of one negotiation: clients need about ten, but some ask about every export there is. */
const OPTIONS_MAX = 10_000;

/** A context that a client chose, and the number by which replies name it. */
export interface ChosenContext {
  readonly id: number;
  readonly name: string;
}

/** What a client and the server agreed on. */
export interface Agreement extends NamedExport {
  readonly style: ReplyStyle;
  readonly contexts: readonly ChosenContext[];
}

interface ChosenContexts {
  readonly exportName: string;
  readonly contexts: readonly ChosenContext[];
}

const ACK: OptionReply = { kind: "ack" };

function refusal(error: number, message: string): OptionReply {
  return { kind: "error", error, message };
}

export class Negotiation {
  readonly #channel: Channel;
  readonly #context: SessionContext;
  readonly #signal: AbortSignal;
  #client: ClientFlags = { fixedNewstyle: false, noZeroes: false };
  #style: ReplyStyle = "simple";
  #chosen: ChosenContexts | undefined;
  #secure = false;

  constructor(channel: Channel, context: SessionContext, signal: AbortSignal) {
    this.#channel = channel;
    this.#context = context;
    this.#signal = signal;
  }

  /** Resolves with undefined when the client leaves without choosing; rejects when it breaks the protocol. */
  async run(): Promise<Agreement | undefined> {
    const flags = HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes;
    await this.#channel.stream.write([encodeGreeting(flags)]);
    const answer = await this.#channel.source.takeOrEnd(CLIENT_FLAGS_BYTES);
    if (answer === undefined) return undefined;
    this.#client = decodeClientFlags(answer);
    for (let count = 0; count < OPTIONS_MAX; count++) {
      const bytes = await this.#channel.source.takeOrEnd(OPTION_HEAD_BYTES);
      if (bytes === undefined) return undefined;
      const outcome = await this.#option(decodeOptionHead(bytes));
      if (outcome !== "next") return outcome;
    }
    throw new NbdProtocolError("NBD_BAD_VALUE", "the client asks for options without end");
  }

  async #option(head: OptionHead): Promise<Agreement | undefined | "next"> {
    const { code, length } = head;
    if (!this.#client.fixedNewstyle && code !== OptionCode.exportName) {
      throw new NbdProtocolError("NBD_BAD_VALUE", `option ${code} of a client without fixed newstyle`);
    }
    if (length > OPTION_BYTES_MAX) return await this.#tooLong(head);
    const option = decoded(code, await this.#channel.source.take(length));
    if (option.kind === "abort") {
      // The client may be gone already, which is fine.
      await this.#reply(code, ACK).catch(() => undefined);
      return undefined;
    }
    if (this.#needsTls() && option.kind !== "startTls") {
      if (code === OptionCode.exportName) throw unanswerable("TLS is required");
      return await this.#next(code, refusal(OptionError.tlsRequired, "this server requires TLS"));
    }
    return await this.#known(code, option);
  }

  async #known(code: number, option: OptionRequest | Malformed): Promise<Agreement | undefined | "next"> {
    switch (option.kind) {
      case "exportName":
        return await this.#exportName(option.name);
      case "info":
      case "go":
        return await this.#infoOrGo(code, option.name, option.wanted);
      case "startTls":
        return await this.#startTls(code);
      case "malformed":
        if (code === OptionCode.exportName) throw option.error;
        return await this.#next(code, refusal(OptionError.invalid, option.error.message));
      default:
        return await this.#next(code, ...this.#answers(option));
    }
  }

  /** Answers to options that take no more than one look. */
  #answers(option: OptionRequest): OptionReply[] {
    switch (option.kind) {
      case "list":
        return [...this.#context.exports.keys()].map(serverReply).concat(ACK);
      case "structuredReply":
        if (this.#style === "extended") {
          return [refusal(OptionError.extendedHeadersRequired, "extended headers are in use")];
        }
        this.#style = "structured";
        return [ACK];
      case "extendedHeaders":
        this.#style = "extended";
        return [ACK];
      case "listMetaContext":
      case "setMetaContext":
        return this.#metaContexts(option.kind, option.name, option.queries);
      default:
        return [refusal(OptionError.unsupported, "this server does not know the option")];
    }
  }

  #metaContexts(
    kind: "listMetaContext" | "setMetaContext",
    name: string,
    queries: readonly string[],
  ): OptionReply[] {
    const choosing = kind === "setMetaContext";
    if (choosing) this.#chosen = undefined;
    if (this.#style === "simple") return [refusal(OptionError.invalid, "structured replies come first")];
    const found = findExport(this.#context.exports, name);
    if (found === undefined) return [refusal(OptionError.unknownExport, "there is no such export")];
    const all = found.disk.contexts;
    const names = (choosing ? chosenContexts : listedContexts)(all, queries);
    const contexts = names.map((context) => ({ id: choosing ? all.indexOf(context) : 0, name: context }));
    if (choosing) this.#chosen = { exportName: found.name, contexts };
    return [...contexts.map((context): OptionReply => ({ kind: "metaContext", ...context })), ACK];
  }

  async #infoOrGo(code: number, name: string, wanted: readonly number[]): Promise<Agreement | "next"> {
    const found = findExport(this.#context.exports, name);
    if (found === undefined) {
      return await this.#next(code, refusal(OptionError.unknownExport, "there is no such export"));
    }
    const { disk } = found;
    const agreement = this.#agreement(found);
    const replies: OptionReply[] = [{ kind: "export", size: BigInt(disk.size), flags: flagsOf(agreement) }];
    if (wanted.includes(InfoType.name)) replies.push({ kind: "name", text: found.name });
    if (wanted.includes(InfoType.description) && disk.description !== undefined) {
      replies.push({ kind: "description", text: disk.description });
    }
    if (wanted.includes(InfoType.blockSize)) {
      const maximum = this.#context.limits.payloadBytesMax;
      replies.push({
        kind: "blockSize",
        minimum: 1,
        preferred: Math.min(disk.preferredBytes, maximum),
        maximum,
      });
    }
    await this.#reply(code, ...replies, ACK);
    return code === OptionCode.go ? agreement : "next";
  }

  async #exportName(name: string): Promise<Agreement> {
    if (this.#style === "extended") throw unanswerable("the client agreed on extended headers");
    const found = findExport(this.#context.exports, name);
    if (found === undefined) throw unanswerable("there is no such export");
    const agreement = this.#agreement(found);
    const reply = encodeExportNameReply(BigInt(found.disk.size), flagsOf(agreement), this.#client.noZeroes);
    await this.#channel.stream.write([reply]);
    return agreement;
  }

  async #startTls(code: number): Promise<"next"> {
    const { tls } = this.#context;
    if (this.#secure) return await this.#next(code, refusal(OptionError.invalid, "TLS is in use"));
    if (tls === undefined) return await this.#next(code, refusal(OptionError.policy, "there is no TLS here"));
    await this.#reply(code, ACK);
    await this.#channel.replace((stream) => tls.upgrade(stream, { signal: this.#signal }));
    this.#secure = true;
    this.#style = "simple";
    this.#chosen = undefined;
    return "next";
  }

  async #tooLong({ code, length }: OptionHead): Promise<"next"> {
    if (length > OPTION_BYTES_SKIPPED_MAX || code === OptionCode.exportName) {
      throw new NbdProtocolError("NBD_BAD_LENGTH", `option ${code} has ${length} bytes`);
    }
    await this.#channel.source.skip(length);
    if (this.#needsTls()) {
      return await this.#next(code, refusal(OptionError.tlsRequired, "this server requires TLS"));
    }
    return await this.#next(code, refusal(OptionError.tooBig, "the option is too long"));
  }

  #needsTls(): boolean {
    return this.#context.tls?.required === true && !this.#secure;
  }

  #agreement({ name, disk }: NamedExport): Agreement {
    const contexts = this.#chosen?.exportName === name ? this.#chosen.contexts : [];
    return { name, disk, style: this.#style, contexts };
  }

  async #next(code: number, ...replies: OptionReply[]): Promise<"next"> {
    await this.#reply(code, ...replies);
    return "next";
  }

  async #reply(code: number, ...replies: OptionReply[]): Promise<void> {
    await this.#channel.stream.write(replies.map((reply) => encodeOptionReply(code, reply)));
  }
}

interface Malformed {
  readonly kind: "malformed";
  readonly error: NbdProtocolError;
}

function decoded(code: number, data: Uint8Array): OptionRequest | Malformed {
  try {
    return decodeOptionRequest(code, data);
  } catch (error) {
    if (isNbdProtocolError(error)) return { kind: "malformed", error };
    throw error;
  }
}

function flagsOf({ disk, style, contexts }: Agreement): number {
  return transmissionFlags(disk, style, contexts.length > 0);
}

function serverReply(name: string): OptionReply {
  return { kind: "server", name, details: "" };
}

/** The option `exportName` has no reply that says no: the connection is all there is to end. */
function unanswerable(why: string): NbdProtocolError {
  return new NbdProtocolError("NBD_BAD_VALUE", `the export that the client chose cannot be had: ${why}`);
}
