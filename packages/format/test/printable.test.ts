import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printable } from "../src/index.js";

describe("printable", () => {
  it.each([
    ["C0 controls", "a\u001b[31m\n\0", "a\\x1b[31m\\x0a\\x00"],
    ["DEL and C1 controls", "\u007f\u009b", "\\x7f\\x9b"],
    ["bidirectional overrides and isolates", "\u202egnp\u2066", "\\u{202e}gnp\\u{2066}"],
    ["marks and zero-width characters", "\u200e\u061c\u200b\ufeff", "\\u{200e}\\u{061c}\\u{200b}\\u{feff}"],
    ["line separators", "\u2028\u2029", "\\u{2028}\\u{2029}"],
    ["lone surrogates", "\ud800x", "\\u{d800}x"],
  ])("escapes %s", (_title, text, escaped) => {
    expect(printable(text)).toBe(escaped);
  });

  it("leaves letters of every script, emoji and backslashes alone", () => {
    for (const text of ["", "plain name", "übung", "日本語", "שלום", "🙂", "C:\\disk"])
      expect(printable(text)).toBe(text);
  });

  it("gives text that is printable already", () => {
    const anyText = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(printable(text))).toBe(printable(text));
      }),
    );
  });
});
