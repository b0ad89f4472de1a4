// What a survey found that whoever reads its outcome should know: damage, and what was left out. Owns that a broken image
// cannot make the list long: what happens often is counted.

/** Most different notes. */
const NOTES_MAX = 100;

export class Notes {
  readonly #counts = new Map<string, number>();
  #omitted = 0;

  /** Notes `text`, or that it is so once more. */
  add(text: string, times = 1): void {
    const count = this.#counts.get(text);
    if (count !== undefined) this.#counts.set(text, count + times);
    else if (this.#counts.size < NOTES_MAX) this.#counts.set(text, times);
    else this.#omitted += times;
  }

  get lines(): readonly string[] {
    const lines = [...this.#counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`));
    return this.#omitted === 0 ? lines : [...lines, `${this.#omitted} more`];
  }
}
