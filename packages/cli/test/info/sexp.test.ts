import { describe, expect, it } from "vitest";
import { flatSexp, layoutSexp, type Sexp, textAtom } from "../../src/info/sexp.js";

describe("atoms", () => {
  it.each([
    ["abc", "abc"],
    ["-1", "-1"],
    ["a#b", "a#b"],
    ["", '""'],
    ["two words", '"two words"'],
    ["(", '"("'],
    ['say "x"', '"say \\"x\\""'],
    ["a\\b", '"a\\\\b"'],
    ["a;b", '"a;b"'],
    ["#|x", '"#|x"'],
    ["#;x", '"#;x"'],
    ["\n\t\r\b", '"\\n\\t\\r\\b"'],
    ["\u001b\u007f", '"\\027\\127"'],
  ])("%j is written %s", (atom, written) => {
    expect(flatSexp(atom)).toBe(written);
  });

  it("writes text byte by byte", () => {
    expect(flatSexp(textAtom("ü"))).toBe('"\\195\\188"');
  });
});

describe("layout", () => {
  it("keeps on one line what fits into 77 characters", () => {
    const fits: Sexp = ["a".repeat(36), "b".repeat(38)];
    expect(layoutSexp(fits)).toHaveLength(77);
    expect(layoutSexp(fits)).not.toContain("\n");
    expect(layoutSexp(["a".repeat(36), "b".repeat(39)])).toContain("\n");
  });

  it("indents what follows by one more than the parenthesis", () => {
    const long = "x".repeat(60);
    expect(layoutSexp(["one", [long, long], "two"])).toBe(`(one\n (${long}\n  ${long})\n two)`);
  });

  it("writes the empty list", () => {
    expect(layoutSexp([])).toBe("()");
  });
});
