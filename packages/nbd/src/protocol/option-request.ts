// What options ask for: the data behind their heads. Owns which data each option may have.

import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";
import { OptionCode } from "./option.js";
import { encodeText } from "./text.js";

/** An option with no data. */
export type PlainKind = "list" | "startTls" | "structuredReply" | "extendedHeaders";

/** An option, decoded. */
export type OptionRequest =
  | { readonly kind: PlainKind | "abort" }
  | { readonly kind: "exportName"; readonly name: string }
  | {
      readonly kind: "info" | "go";
      readonly name: string;
      /** Kinds of information that the client would like, `InfoType` or others. */
      readonly wanted: readonly number[];
    }
  | {
      readonly kind: "listMetaContext" | "setMetaContext";
      readonly name: string;
      readonly queries: readonly string[];
    }
  | { readonly kind: "unknown"; readonly code: number };

const WHAT = "an option";

const PLAIN = new Map<number, PlainKind>([
  [OptionCode.list, "list"],
  [OptionCode.startTls, "startTls"],
  [OptionCode.structuredReply, "structuredReply"],
  [OptionCode.extendedHeaders, "extendedHeaders"],
]);

/** The option `code` with its data; throws an `NbdProtocolError` for data that the option cannot have. */
export function decodeOptionRequest(code: number, data: Uint8Array): OptionRequest {
  const reader = new MessageReader(data, WHAT);
  const plain = PLAIN.get(code);
  if (plain !== undefined) {
    reader.end();
    return { kind: plain };
  }
  switch (code) {
    case OptionCode.abort:
      return { kind: "abort" };
    case OptionCode.exportName:
      return { kind: "exportName", name: reader.text(reader.left) };
    case OptionCode.info:
      return decodeInfo("info", reader);
    case OptionCode.go:
      return decodeInfo("go", reader);
    case OptionCode.listMetaContext:
      return decodeMetaContext("listMetaContext", reader);
    case OptionCode.setMetaContext:
      return decodeMetaContext("setMetaContext", reader);
    default:
      return { kind: "unknown", code };
  }
}

function decodeInfo(kind: "info" | "go", reader: MessageReader): OptionRequest {
  const name = reader.countedText();
  const count = reader.u16();
  const wanted: number[] = [];
  for (let index = 0; index < count; index++) wanted.push(reader.u16());
  reader.end();
  return { kind, name, wanted };
}

function decodeMetaContext(kind: "listMetaContext" | "setMetaContext", reader: MessageReader): OptionRequest {
  const name = reader.countedText();
  const count = reader.u32();
  const queries: string[] = [];
  // Each query takes bytes of the message, so the count cannot make this go on for longer than they last.
  for (let index = 0; index < count; index++) queries.push(reader.countedText());
  reader.end();
  return { kind, name, queries };
}

/** The code of `option` and its data, as a client sends them. */
export function encodeOptionRequest(option: OptionRequest): { code: number; data: Uint8Array } {
  if (option.kind === "unknown") return { code: option.code, data: new Uint8Array(0) };
  return { code: OptionCode[option.kind], data: encodeData(option) };
}

function encodeData(option: OptionRequest): Uint8Array {
  switch (option.kind) {
    case "exportName":
      return encodeText(option.name, WHAT);
    case "info":
    case "go": {
      const name = encodeText(option.name, WHAT);
      const { wanted } = option;
      const writer = new MessageWriter(6 + name.byteLength + 2 * wanted.length);
      writer.u32(name.byteLength).bytes(name).u16(wanted.length);
      for (const type of wanted) writer.u16(type);
      return writer.done();
    }
    case "listMetaContext":
    case "setMetaContext": {
      const name = encodeText(option.name, WHAT);
      const queries = option.queries.map((query) => encodeText(query, WHAT));
      const length = queries.reduce((sum, query) => sum + 4 + query.byteLength, 8 + name.byteLength);
      const writer = new MessageWriter(length).u32(name.byteLength).bytes(name).u32(queries.length);
      for (const query of queries) writer.u32(query.byteLength).bytes(query);
      return writer.done();
    }
    default:
      return new Uint8Array(0);
  }
}
