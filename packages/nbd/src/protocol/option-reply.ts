// What a server answers to options (protocol: "Option reply types"): codes, framing and data.

import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";
import { InfoType } from "./option.js";
import { encodeText } from "./text.js";

const OPTION_REPLY_MAGIC = 0x3e889045565a9n;

export const OPTION_REPLY_HEAD_BYTES = 20;

/** Codes of replies; those of errors have the highest bit set. */
export const ReplyCode = { ack: 1, server: 2, info: 3, metaContext: 4 } as const;

export const OptionError = {
  unsupported: 0x8000_0001,
  policy: 0x8000_0002,
  invalid: 0x8000_0003,
  platform: 0x8000_0004,
  tlsRequired: 0x8000_0005,
  unknownExport: 0x8000_0006,
  shutdown: 0x8000_0007,
  blockSizeRequired: 0x8000_0008,
  tooBig: 0x8000_0009,
  extendedHeadersRequired: 0x8000_000a,
} as const;

/** Sizes of requests that a server recommends or demands, in bytes. */
export interface BlockSizes {
  /** Offsets and lengths are multiples of it; a power of 2. */
  readonly minimum: number;
  /** Aligned requests of this size do well; a power of 2. */
  readonly preferred: number;
  /** Longest payload of one message. */
  readonly maximum: number;
}

/** A reply, decoded. */
export type OptionReply =
  | { readonly kind: "ack" }
  /** One export of a list. */
  | { readonly kind: "server"; readonly name: string; readonly details: string }
  | { readonly kind: "export"; readonly size: bigint; readonly flags: number }
  | { readonly kind: "name" | "description"; readonly text: string }
  | ({ readonly kind: "blockSize" } & BlockSizes)
  | { readonly kind: "metaContext"; readonly id: number; readonly name: string }
  | { readonly kind: "error"; readonly error: number; readonly message: string }
  | { readonly kind: "unknown"; readonly code: number; readonly data: Uint8Array };

export interface OptionReplyHead {
  /** The option that is answered. */
  readonly option: number;
  readonly code: number;
  /** Length of the data that follows, in bytes. */
  readonly length: number;
}

/** The bytes of one reply to the option `option`. */
export function encodeOptionReply(option: number, reply: OptionReply): Uint8Array {
  const { code, data } = encodeReplyData(reply);
  return new MessageWriter(OPTION_REPLY_HEAD_BYTES + data.byteLength)
    .u64(OPTION_REPLY_MAGIC)
    .u32(option)
    .u32(code)
    .u32(data.byteLength)
    .bytes(data)
    .done();
}

export function decodeOptionReplyHead(bytes: Uint8Array): OptionReplyHead {
  const reader = new MessageReader(bytes, "a reply to an option");
  reader.magic(OPTION_REPLY_MAGIC);
  const head = { option: reader.u32(), code: reader.u32(), length: reader.u32() };
  reader.end();
  return head;
}

function encodeReplyData(reply: OptionReply): { code: number; data: Uint8Array } {
  switch (reply.kind) {
    case "ack":
      return { code: ReplyCode.ack, data: new Uint8Array(0) };
    case "server": {
      const name = encodeText(reply.name, "a reply");
      const details = encodeText(reply.details, "a reply");
      const writer = new MessageWriter(4 + name.byteLength + details.byteLength);
      return { code: ReplyCode.server, data: writer.u32(name.byteLength).bytes(name).bytes(details).done() };
    }
    case "export":
      return info(InfoType.export, new MessageWriter(10).u64(reply.size).u16(reply.flags).done());
    case "name":
      return info(InfoType.name, encodeText(reply.text, "a reply"));
    case "description":
      return info(InfoType.description, encodeText(reply.text, "a reply"));
    case "blockSize": {
      const { minimum, preferred, maximum } = reply;
      return info(InfoType.blockSize, new MessageWriter(12).u32(minimum).u32(preferred).u32(maximum).done());
    }
    case "metaContext": {
      const name = encodeText(reply.name, "a reply");
      const data = new MessageWriter(4 + name.byteLength).u32(reply.id).bytes(name).done();
      return { code: ReplyCode.metaContext, data };
    }
    case "error":
      return { code: reply.error, data: encodeText(reply.message, "a reply") };
    case "unknown":
      return { code: reply.code, data: reply.data };
  }
}

function info(type: number, payload: Uint8Array): { code: number; data: Uint8Array } {
  const data = new MessageWriter(2 + payload.byteLength).u16(type).bytes(payload).done();
  return { code: ReplyCode.info, data };
}

/** The reply `code` with its data, as a client reads it. */
export function decodeOptionReply(code: number, data: Uint8Array): OptionReply {
  const reader = new MessageReader(data, "a reply to an option");
  const reply = decodeKnown(code, reader);
  if (reply === undefined) return { kind: "unknown", code, data };
  reader.end();
  return reply;
}

function decodeKnown(code: number, reader: MessageReader): OptionReply | undefined {
  if (code >= 0x8000_0000) return { kind: "error", error: code, message: reader.text(reader.left) };
  switch (code) {
    case ReplyCode.ack:
      return { kind: "ack" };
    case ReplyCode.server:
      return { kind: "server", name: reader.countedText(), details: reader.text(reader.left) };
    case ReplyCode.metaContext:
      return { kind: "metaContext", id: reader.u32(), name: reader.text(reader.left) };
    case ReplyCode.info:
      return decodeInfo(reader);
    default:
      return undefined;
  }
}

function decodeInfo(reader: MessageReader): OptionReply | undefined {
  switch (reader.u16()) {
    case InfoType.export:
      return { kind: "export", size: reader.u64(), flags: reader.u16() };
    case InfoType.name:
      return { kind: "name", text: reader.text(reader.left) };
    case InfoType.description:
      return { kind: "description", text: reader.text(reader.left) };
    case InfoType.blockSize:
      return { kind: "blockSize", minimum: reader.u32(), preferred: reader.u32(), maximum: reader.u32() };
    default:
      return undefined;
  }
}
