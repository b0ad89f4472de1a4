// Locks on ranges of the guest's disk: readers and in-place writers share, whoever changes the mapping excludes. Owns
// fairness: requests that conflict are served in the order they came, so nobody starves. Holds nothing over other
// ranges: operations that do not overlap never wait for each other.

import { untilAborted } from "../until-aborted.js";

interface Claim {
  readonly start: number;
  readonly end: number;
  readonly exclusive: boolean;
  readonly grant: () => void;
  held: boolean;
}

export class RangeLocks {
  /** Held and waiting claims, in the order they came. Few: as many as operations are under way. */
  readonly #claims: Claim[] = [];
  /** Those who wait for claims to end without having one. */
  #settling: { readonly holding: Set<Claim>; readonly resolve: () => void }[] = [];

  /** How many claims there have been, over all. */
  total = 0;

  /** Claims that are held or waited for. */
  get pending(): number {
    return this.#claims.length;
  }

  /**
   * Locks `[start, end)`, guest offsets in bytes; resolves with the function that unlocks it. Rejects with the
   * reason of `signal`, and then holds nothing.
   */
  async lock(
    start: number,
    end: number,
    exclusive: boolean,
    signal?: AbortSignal | undefined,
  ): Promise<() => void> {
    let grant = (): void => undefined;
    const granted = new Promise<void>((resolve) => {
      grant = resolve;
    });
    const claim: Claim = { start, end, exclusive, grant, held: false };
    claim.held = !this.#mustWait(claim, this.#claims.length);
    this.#claims.push(claim);
    this.total++;
    const unlock = (): void => this.#remove(claim);
    if (claim.held) return unlock;
    try {
      await untilAborted(granted, signal);
      return unlock;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Whether somebody who may change entries holds a part of `[start, end)`. */
  holdsExclusive(start: number, end: number): boolean {
    return this.#claims.some(
      (claim) => claim.held && claim.exclusive && claim.start < end && start < claim.end,
    );
  }

  /** Resolves when all who hold a part of `[start, end)` now have let go; nobody waits for whoever asks. */
  async settled(start: number, end: number): Promise<void> {
    const holding = new Set(
      this.#claims.filter((claim) => claim.held && claim.start < end && start < claim.end),
    );
    if (holding.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#settling.push({ holding, resolve });
    });
  }

  /** One line for each claim, in the order they came. */
  describe(): string[] {
    return this.#claims.map(({ start, end, exclusive, held }) => {
      const range = end === Number.MAX_SAFE_INTEGER ? "all bytes" : `bytes ${start} to ${end}`;
      return `${range}: ${held ? "held" : "waited for"} by ${exclusive ? "one who changes entries" : "a reader or writer in place"}`;
    });
  }

  #remove(claim: Claim): void {
    this.#settling = this.#settling.filter(({ holding, resolve }) => {
      if (!holding.delete(claim) || holding.size > 0) return true;
      resolve();
      return false;
    });
    const index = this.#claims.indexOf(claim);
    if (index < 0) return;
    this.#claims.splice(index, 1);
    for (let at = index; at < this.#claims.length; at++) {
      const waiting = this.#claims[at] as Claim;
      if (waiting.held || !overlaps(waiting, claim)) continue;
      if (this.#mustWait(waiting, at)) continue;
      waiting.held = true;
      waiting.grant();
    }
  }

  /** Whether one of the first `end` claims, which came earlier, keeps `claim` waiting. */
  #mustWait(claim: Claim, end: number): boolean {
    for (let at = 0; at < end; at++) if (conflicts(this.#claims[at] as Claim, claim)) return true;
    return false;
  }
}

function overlaps(a: Claim, b: Claim): boolean {
  return a.start < b.end && b.start < a.end;
}

function conflicts(a: Claim, b: Claim): boolean {
  return (a.exclusive || b.exclusive) && overlaps(a, b);
}
