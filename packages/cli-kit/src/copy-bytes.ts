// How commands that copy a whole disk use the host. Owns the numbers.

/**
 * Bytes of the longest write that is done at once: all that the engine asks for when it copies. Writers of one file wait for
 * each other in the host anyway.
 */
export const COPY_BYTES_MAX = 4 * 1024 * 1024;

/** The same for reads: a longer one is worth a thread, which reads while the piece before is written. */
export const COPY_READ_BYTES_MAX = 1024 * 1024;
