import { describe, expect, it } from "vitest";
import { flatSexp, type Sexp } from "../../src/info/sexp.js";
import { followPath, parsePath } from "../../src/info/sexp-path.js";

const HEADER: Sexp = [
  ["version", "Three"],
  ["size", "1024"],
  [
    "l1_table_offset",
    [
      ["bytes", "131072"],
      ["is_mutable", "false"],
    ],
  ],
  [
    "additional",
    [
      [
        ["dirty", "true"],
        ["corrupt", "false"],
      ],
    ],
  ],
  ["extensions", [["Feature_name_table", [[["ty", "Incompatible"]], [["ty", "Compatible"]]]]]],
  ["a.b", "dotted"],
  ["size", "second"],
];

const filter = (path: string): string => flatSexp(followPath(HEADER, parsePath(path)));

describe("paths that lead somewhere", () => {
  it.each([
    [".", flatSexp(HEADER)],
    [".size", "1024"],
    [".l1_table_offset.bytes", "131072"],
    [".additional", "(((dirty true) (corrupt false)))"],
    [".additional.[0].dirty", "true"],
    [".[1]", "(size 1024)"],
    [".[1].[1]", "1024"],
    [".extensions.[0].Feature_name_table[0].[1]", "((ty Compatible))"],
    [".a\\.b", "dotted"],
  ])("%s", (path, value) => {
    expect(filter(path)).toBe(value);
  });
});

describe("paths that do not", () => {
  it.each([
    ["", "Path.parse: path empty"],
    ["size", "Path.parse: '.' expected; got 's'"],
    ["..", "Path.parse: double '.'"],
    [".[1]x", "Path.parse: '.' expected; got 'x'"],
    [".[", "Path.parse: EOF reading index"],
    [".[1", "Path.parse: EOF reading index"],
    [".[]", "Path.parse: empty index"],
    [".[x]", "Path.parse: illegal character in index: x"],
    [".a\\", "Path.parse: EOF after escape"],
    [".size.x", "Path.extract_rec: illegal atom: 1024"],
    [".size.", "Path.extract_rec: illegal atom: 1024"],
    [".size.[0]", "Path.extract_pos: illegal atom: 1024"],
    [".additional.[1]", "Path.extract_pos: illegal index 1 in: (((dirty true) (corrupt false)))"],
    [".additional.dirty", 'Path.extract_rec: key "dirty" not found in: (((dirty true) (corrupt false)))'],
    [
      ".additional.Some[0]",
      "Path.extract_match: unexpected nested list in: (((dirty true) (corrupt false)))",
    ],
  ])("%j: %s", (path, message) => {
    expect(() => filter(path)).toThrowError(expect.objectContaining({ code: "CLI_FILTER", message }));
  });

  it("says which key is missing, and in what", () => {
    expect(() => filter(".nope")).toThrowError(
      /^Path\.extract_rec: key "nope" not found in: \(\(version Three\)/,
    );
  });
});
