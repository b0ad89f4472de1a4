// Addresses as they may be shown. Owns what is a secret in one: user name, password, and the query, which
// in signed addresses is as good as a password.

/** `url` without user name and password, and with an ellipsis for its query. */
export function redactUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === "" ? "" : "?…"}`;
}

/** `text` of somebody else, with every address in it redacted. */
export function redactText(text: string): string {
  return text.replace(/\bhttps?:[^\s"'<>`]+/gi, (address) =>
    URL.canParse(address) ? redactUrl(new URL(address)) : "(address)",
  );
}

/** An error of somebody else that may be kept as a cause: its message and code alone. */
export function redactError(error: unknown): Error {
  const { message, name, code, cause } = error as Partial<Error> & { code?: unknown; cause?: unknown };
  const copy = new Error(redactText(String(message ?? error)));
  copy.name = typeof name === "string" ? name : "Error";
  if (typeof code === "string") Object.assign(copy, { code });
  if (cause instanceof Error) copy.cause = redactError(cause);
  return copy;
}
