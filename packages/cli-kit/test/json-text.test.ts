import { expect, it } from "vitest";
import { jsonText } from "../src/json-text.js";

it("prints big integers as integers, small and past 2^53", () => {
  expect(jsonText({ a: 5n, b: 18446744073709551615n, c: [-1n] }, 0)).toBe(
    '{"a":5,"b":18446744073709551615,"c":[-1]}',
  );
});

it("leaves text alone that looks like the mark of a big integer", () => {
  const text = '"\\udfffbigint:0"';
  expect(JSON.parse(jsonText({ text, big: 1n }))).toEqual({ text, big: 1 });
});

it("escapes what terminals obey and JSON allows", () => {
  const text = "\u001b[2J\u007f\u009b31m\u202etxt";
  const written = jsonText({ text });
  expect(written).toContain("\\u001b[2J\\u007f\\u009b31m\\u202etxt");
  expect(JSON.parse(written)).toEqual({ text });
});

it("keeps other characters readable", () => {
  expect(jsonText(["ünï-✓"], 0)).toBe('["ünï-✓"]');
});
