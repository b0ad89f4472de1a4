// One version of a range of the disk: what an operation makes of it. Owns when it was under way, and its bytes.

/** Ticks are the model's own: each event has a later one. */
export interface GuestWrite {
  /** In bytes of the guest. */
  readonly offset: number;
  readonly length: number;
  /** Absent where the range becomes zero. */
  readonly bytes: Uint8Array | undefined;
  /** What messages call it. */
  readonly what: string;
  readonly issued: number;
  /** When it resolved or rejected; `Infinity` while it is under way. */
  ended: number;
  /** It resolved. One that rejected may have taken effect in part, and stands for nothing. */
  acknowledged: boolean;
}

/** Whether `later` was called after `earlier` had ended: then there is no doubt which is the newer version. */
export function isAfter(later: GuestWrite, earlier: GuestWrite): boolean {
  return earlier.ended < later.issued;
}

/** `writes` without those that `winner`, which is one of them, has surely replaced. */
export function withoutReplaced(writes: readonly GuestWrite[], winner: GuestWrite): GuestWrite[] {
  return writes.filter((write) => write === winner || !isAfter(winner, write));
}
