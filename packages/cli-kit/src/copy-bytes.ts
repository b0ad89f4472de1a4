// How commands that copy a whole disk use the host. Owns the number.

/**
 * Bytes of the longest read or write that is done at once: all that the engine asks for when it copies. Such a command does
 * one thing after another; a thread would save less than the way there takes.
 */
export const COPY_BYTES_MAX = 4 * 1024 * 1024;
