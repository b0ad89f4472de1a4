import type { Observer } from "@qcow/engine";
import { expect, it, vi } from "vitest";
import { mergeNbdReports, mergeObservers } from "../src/merge-observers.js";

it("no observer stays none, and one stays what it is", () => {
  const observer: Observer = { guestRead: () => undefined };
  expect(mergeObservers([undefined, undefined])).toBeUndefined();
  expect(mergeObservers([undefined, observer])).toBe(observer);
});

it("all observers are told, in order, as methods of their own", () => {
  const told: string[] = [];
  class Named implements Observer {
    readonly #name: string;
    constructor(name: string) {
      this.#name = name;
    }
    guestRead({ length }: { length: number }): void {
      told.push(`${this.#name} ${length}`);
    }
  }
  mergeObservers([new Named("a"), new Named("b")])?.guestRead?.({ offset: 0, length: 512 });
  expect(told).toEqual(["a 512", "b 512"]);
});

it("what none of them listens to is absent", () => {
  const merged = mergeObservers([{ guestRead: vi.fn() }, { commit: vi.fn() }]);
  expect(Object.keys(merged ?? {}).sort()).toEqual(["commit", "guestRead"]);
});

it("reports of servers are merged likewise", () => {
  const [first, second] = [vi.fn(), vi.fn()];
  mergeNbdReports([{ request: first }, { request: second }])?.request?.({ command: 0, length: 1, error: 0 });
  expect([first, second].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
});
