// The codec of the NBD protocol: bytes to typed messages and back, for servers and for clients. No I/O here.

export * from "./chunk.js";
export * from "./error-number.js";
export { encodeExportNameReply } from "./export-name-reply.js";
export {
  CLIENT_FLAGS_BYTES,
  type ClientFlags,
  decodeClientFlags,
  decodeGreeting,
  encodeClientFlags,
  encodeGreeting,
  GREETING_BYTES,
  HandshakeFlag,
} from "./handshake.js";
export type { RoomyMessage } from "./message-writer.js";
export * from "./option.js";
export * from "./option-reply.js";
export * from "./option-request.js";
export * from "./protocol-error.js";
export {
  type ChunkHead,
  decodeReply,
  encodeSimpleData,
  encodeSimpleReply,
  REPLY_FLAG_DONE,
  ReplyBytes,
  type ReplyStyle,
  replyStyleOf,
  type SimpleReply,
} from "./reply.js";
export * from "./request.js";
export * from "./status-payload.js";
export { TEXT_BYTES_MAX } from "./text.js";
export { TransmissionFlag } from "./transmission-flag.js";
