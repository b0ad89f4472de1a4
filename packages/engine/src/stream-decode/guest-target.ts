// Where the decoded disk goes, as the decoder of streams sees it: clusters come in any order. Owns the contract.

/** What a target may ask of the L1 table. */
export interface L1Facts {
  /** Entries that the disk needs. */
  readonly count: number;
  /** Host offset of the L2 table of entry `index`; 0 where there is none, so that all it maps is zero. */
  offsetOf(index: number): number;
}

export interface GuestTarget {
  /** Memory that one table takes here as long as it waits, in bytes, with `clusters` clusters of the guest. */
  bytesPerTable(clusters: number): number;
  /** Called once, when the L1 table is known and before anything else. */
  begin(l1: L1Facts): Promise<void>;
  /** What L1 entry `index` maps is known: there will be contents where `data` has one of `count` bits, and zeros elsewhere. */
  plan(index: number, data: Uint8Array, count: number): Promise<void>;
  /** Contents of whole clusters from guest offset `guest` on, cut at the end of the disk; may be used again once this resolves. */
  write(guest: number, bytes: Uint8Array): Promise<void>;
  /** All has come. */
  finish(): Promise<void>;
  /** Gives up what it has of its own. */
  close(): Promise<void>;
}
