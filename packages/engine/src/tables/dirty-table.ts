// A table of the image in memory that is changed there first, and knows which of its sectors the file does not
// have yet. Owns the bookkeeping; when and in which order sectors are written is the committer's business.

/** Torn writes leave whole sectors old or new, so a sector is the unit of what is written. */
const SECTOR_BYTES = 512;

/** Clean sectors that are written along to save a request. Writing them again changes nothing. */
const BRIDGED_SECTORS_MAX = 8;

/** A part of a table to be written: a copy, since the table may change while it is under way. */
export interface DirtyPiece {
  /** Host offset in bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class DirtyTable {
  /** Host offset in bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Nothing durable names this table yet: all of it is to be written before something does. */
  isNew: boolean;
  /** A commit has taken what was dirty and is writing it. */
  isUnderWay = false;
  readonly #dirty: Uint8Array;
  #dirtySectors = 0;

  constructor(offset: number, bytes: Uint8Array, isNew: boolean) {
    this.offset = offset;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.isNew = isNew;
    this.#dirty = new Uint8Array(Math.ceil(bytes.byteLength / SECTOR_BYTES));
  }

  /** Whether the file lacks something of it. */
  get isDirty(): boolean {
    return this.isNew || this.#dirtySectors > 0;
  }

  /** Whether reading it from the file would give what it is here, so that it need not be kept. */
  get isInFile(): boolean {
    return !this.isDirty && !this.isUnderWay;
  }

  /** The bytes of `[at, at + length)` of the table have changed. */
  markDirty(at: number, length: number): void {
    const end = Math.ceil((at + length) / SECTOR_BYTES);
    for (let sector = Math.floor(at / SECTOR_BYTES); sector < end; sector++) {
      if (this.#dirty[sector] === 1) continue;
      this.#dirty[sector] = 1;
      this.#dirtySectors++;
    }
  }

  /** What the file lacks, as copies; from now on the table counts as clean. All of a new table, which stays new. */
  takeDirty(): DirtyPiece[] {
    if (this.isNew) {
      this.#clear();
      return [{ offset: this.offset, bytes: this.bytes.slice() }];
    }
    const pieces: DirtyPiece[] = [];
    for (let sector = this.#nextDirty(0); sector >= 0; ) {
      let end = sector + 1;
      let next = this.#nextDirty(end);
      while (next >= 0 && next - end <= BRIDGED_SECTORS_MAX) {
        end = next + 1;
        next = this.#nextDirty(end);
      }
      const start = sector * SECTOR_BYTES;
      pieces.push({ offset: this.offset + start, bytes: this.bytes.slice(start, end * SECTOR_BYTES) });
      sector = next;
    }
    this.#clear();
    return pieces;
  }

  /** `pieces`, which `takeDirty` gave, could not be written. */
  putBack(pieces: readonly DirtyPiece[]): void {
    for (const { offset, bytes } of pieces) this.markDirty(offset - this.offset, bytes.byteLength);
  }

  #nextDirty(from: number): number {
    return this.#dirtySectors === 0 ? -1 : this.#dirty.indexOf(1, from);
  }

  #clear(): void {
    if (this.#dirtySectors > 0) this.#dirty.fill(0);
    this.#dirtySectors = 0;
  }
}
