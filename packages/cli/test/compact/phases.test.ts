import { expect, it } from "vitest";
import { Phases } from "../../src/compact/phases.js";

function shares(count: number, run: (phases: Phases) => void): number[] {
  const seen: number[] = [];
  run(new Phases(({ done, total }) => void seen.push(done / total), count));
  return seen;
}

it("parts add up to the whole", () => {
  const seen = shares(2, (phases) => {
    const first = phases.next();
    first({ done: 0, total: 4 });
    first({ done: 4, total: 4 });
    const second = phases.next();
    second({ done: 1, total: 2 });
    second({ done: 2, total: 2 });
  });
  expect(seen).toEqual([0, 0.5, 0.75, 1]);
});

it("nothing goes backwards when a part finds more to do", () => {
  const seen = shares(1, (phases) => {
    const only = phases.next();
    only({ done: 1, total: 2 });
    only({ done: 1, total: 10 });
    only({ done: 9, total: 10 });
  });
  expect(seen).toEqual([0.5, 0.9]);
});

it("a part without work is done at once", () => {
  expect(shares(1, (phases) => phases.next()({ done: 0, total: 0 }))).toEqual([1]);
});
