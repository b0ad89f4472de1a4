// Owns reading what nginx says it has answered, for the time of one action. Judges nothing.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 5;
const POLLS_MOST = 2000;

export class AccessLog {
  #path;
  #mark;
  #marks = 0;

  /** `mark(name)` has a request logged whose path ends in `/mark/NAME`. */
  constructor(path, mark) {
    this.#path = path;
    this.#mark = mark;
  }

  /** Runs `action`; gives what it came to, and the requests answered meanwhile. Actions must not overlap. */
  async during(action) {
    const start = await this.#passed();
    const value = await action();
    const end = await this.#passed();
    return { value, requests: (await this.#lines()).slice(start + 1, end) };
  }

  /** The place of a new mark in the log: everything answered before it stands before it. */
  async #passed() {
    const name = `${++this.#marks}`;
    await this.#mark(name);
    for (let poll = 0; poll < POLLS_MOST; poll++) {
      const place = (await this.#lines()).findIndex(({ uri }) => uri === `/mark/${name}`);
      if (place !== -1) return place;
      await sleep(POLL_MS);
    }
    throw new Error("nginx does not write its log");
  }

  async #lines() {
    const text = await readFile(this.#path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    return whole
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }
}

/** Bytes of all bodies. */
export const bytesOf = (requests) => requests.reduce((sum, { bytes }) => sum + bytes, 0);
