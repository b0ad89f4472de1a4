// Failures in plain words: what happened, and what to do. Owns the words for what people meet often; the rest speak
// for themselves.

import { isBackendError } from "@qcow/block";
import { isEngineError } from "@qcow/engine";
import { type FormatError, isFormatError, printable } from "@qcow/format";
import { MissingReference } from "./image-source.js";

export function plainWords(error: unknown): string {
  if (error instanceof MissingReference) {
    const { name, from, kind } = error.reference;
    return `${printable(from)} needs its ${kind} file ${printable(name)}. ${error.advice}`;
  }
  if (isFormatError(error)) return formatWords(error);
  if (isEngineError(error, "QCOW2_ENCRYPTED")) {
    return "The contents of this image are encrypted, and cannot be shown.";
  }
  if (isBackendError(error)) return backendWords(error.code, error.message);
  return messageOf(error);
}

function formatWords(error: FormatError): string {
  const isTooShort = error.code === "QCOW2_TRUNCATED" && error.structure === "header";
  if (error.code === "QCOW2_BAD_MAGIC" || isTooShort) {
    return `This is not a qcow2 image. (${error.message})`;
  }
  return `The image is damaged, or has something that is not supported: ${error.message}`;
}

function backendWords(code: string, message: string): string {
  if (code === "BACKEND_IO") {
    return (
      "The browser could not read from this address. Either the server cannot be reached, or it does not allow pages " +
      "of other sites to read the file: it must send the header Access-Control-Allow-Origin (CORS). " +
      `(${message})`
    );
  }
  if (code === "HTTP_NO_RANGES") {
    return (
      "The server sends only whole files, and this page downloads none: it needs a server that answers requests for " +
      `ranges. (${message})`
    );
  }
  return message;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
