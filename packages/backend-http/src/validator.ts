// What tells one version of a file from another: a strong entity tag, else the time of its last change, and
// its size always. Owns the comparison; what follows from a difference is the caller's business.

import type { HttpAnswerHeaders } from "./http-fetch.js";

/** The version that was seen first. */
export interface Validator {
  /** A strong entity tag, quotes included. Weak ones promise the same meaning, not the same bytes. */
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export function validatorOf(headers: HttpAnswerHeaders): Validator {
  const etag = headers.get("etag")?.trim();
  const isStrong = etag !== undefined && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag);
  return { etag: isStrong ? etag : undefined, lastModified: headers.get("last-modified") ?? undefined };
}

/**
 * How `later` shows that it is of another version, or undefined when it does not. An answer without the tag that
 * was there before must at least be of the same time.
 */
export function differenceOf(pinned: Validator, later: Validator): string | undefined {
  if (pinned.etag !== undefined && later.etag !== undefined)
    return pinned.etag === later.etag ? undefined : "its ETag is another";
  if (pinned.lastModified !== undefined && later.lastModified !== undefined)
    return pinned.lastModified === later.lastModified ? undefined : "its Last-Modified is another";
  if (pinned.etag !== undefined) return "its ETag is gone";
  return pinned.lastModified === undefined ? undefined : "its Last-Modified is gone";
}
