import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DehydrateError } from "../../src/dehydrate-error.js";
import { Intervals } from "../../src/map/intervals.js";
import { mapText } from "../../src/map/map-text.js";
import { readMap } from "../../src/map/read-map.js";

const LIST = "((blocks ((327680 393215) (0 262143))) (total_size 458752))\n";
const TREE = `((blocks
  (Node
   ((x 0) (y 262143) (l Empty)
    (r
     (Node
      ((x 327680) (y 393215) (l Empty) (r Empty) (h 1) (cardinal 65536))))
    (h 2) (cardinal 327680))))
 (total_size 458752))
`;

type Pair = [number, number];

async function read(text: string, pieceLength = text.length): Promise<{ pairs: Pair[]; totalSize: number }> {
  const bytes = new TextEncoder().encode(text);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceLength) pieces.push(bytes.subarray(at, at + pieceLength));
  const { intervals, totalSize } = await readMap(pieces);
  const pairs = Array.from(
    { length: intervals.count },
    (_, index): Pair => [intervals.first(index), intervals.last(index)],
  );
  return { pairs, totalSize };
}

async function problem(text: string): Promise<string> {
  const error = await read(text).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DehydrateError);
  const { code, message } = error as DehydrateError;
  expect(message).not.toContain("\n");
  return `${code}: ${message.replace("the map makes no sense: ", "")}`;
}

/** Intervals that ascend, apart from each other. */
const somePairs = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 })), { maxLength: 200 })
  .map((steps) => {
    let at = 0;
    return steps.map(([gap, length]): Pair => {
      const first = at + gap;
      at = first + length;
      return [first, at - 1];
    });
  });

/** The tree that qcow-tool has for intervals that ascend. */
function tree(pairs: readonly Pair[]): string {
  if (pairs.length === 0) return "Empty";
  const middle = Math.floor(pairs.length / 2);
  const [x, y] = pairs[middle] as Pair;
  const left = tree(pairs.slice(0, middle));
  const right = tree(pairs.slice(middle + 1));
  return `(Node ((x ${x}) (y ${y}) (l ${left}) (r ${right}) (h 1) (cardinal ${y - x + 1})))`;
}

describe("reading a map", () => {
  it.each([
    ["a list", LIST],
    ["a tree", TREE],
  ])("takes %s", async (_, text) => {
    const expected = {
      pairs: [
        [0, 262143],
        [327680, 393215],
      ],
      totalSize: 458752,
    };
    expect(await read(text)).toEqual(expected);
    expect(await read(text, 1)).toEqual(expected);
  });

  it("takes fields in any order, and blanks anywhere", async () => {
    const text = "\t( (total_size\n12 )(blocks(Node((cardinal 4)(h 1)(r Empty)(l Empty)(y 7)(x 4)))))\r\n\n";
    expect(await read(text)).toEqual({ pairs: [[4, 7]], totalSize: 12 });
  });

  it("takes an empty list and an empty tree", async () => {
    expect(await read("((blocks ()) (total_size 0))")).toEqual({ pairs: [], totalSize: 0 });
    expect(await read("((blocks Empty) (total_size 0))")).toEqual({ pairs: [], totalSize: 0 });
  });

  it("gives back any intervals, out of both forms", async () => {
    await fc.assert(
      fc.asyncProperty(somePairs, fc.integer({ min: 1, max: 100 }), async (pairs, pieceLength) => {
        const totalSize = (pairs.at(-1)?.[1] ?? 0) + 1;
        const intervals = new Intervals();
        for (const [first, last] of pairs) intervals.add(first, last);
        expect(await read([...mapText(intervals, totalSize)].join(""), pieceLength)).toEqual({
          pairs,
          totalSize,
        });
        expect(await read(`((blocks ${tree(pairs)}) (total_size ${totalSize}))`)).toEqual({
          pairs,
          totalSize,
        });
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["nothing", "", "it ends too early"],
    ["a map that is cut short", LIST.slice(0, 30), "it ends too early"],
    ["something else", "QFI", "it does not begin with a list"],
    ["bytes of no text", "((blocks ((0 \u0001", "it has a byte 0x01, which is no text of a map"],
    ["two maps", LIST + LIST, "something follows after its end"],
    ["no size", "((blocks ()))", "it has no total_size"],
    ["no blocks", "((total_size 1))", "it has no blocks"],
    [
      "a field twice",
      "((blocks ()) (blocks ()) (total_size 1))",
      'the field "blocks" is unknown, or there twice',
    ],
    ["an unknown field", "((blocks ()) (size 1))", 'the field "size" is unknown, or there twice'],
    ["half a pair", "((blocks ((0))) (total_size 1))", '")" is no number'],
    ["a triple", "((blocks ((0 1 2))) (total_size 9))", "a list does not end where it should"],
    ["a negative number", "((blocks ((-1 2))) (total_size 9))", '"-1" is no number'],
    [
      "a huge number",
      "((blocks ()) (total_size 9007199254740992))",
      '"9007199254740992" is more than 2^53 - 1',
    ],
    ["a long word", `((blocks ()) (total_size ${"1".repeat(40)}))`, "it has a word that is too long"],
    [
      "an interval that overlaps",
      "((blocks ((0 5) (5 9))) (total_size 20))",
      "the interval 5 to 9 overlaps another",
    ],
    ["an empty interval", "((blocks ((5 4))) (total_size 20))", "the interval 5 to 4 ends before it begins"],
    [
      "an interval past the end",
      "((blocks ((5 20))) (total_size 20))",
      "the interval 5 to 20 lies past the end of the file (20 bytes)",
    ],
    ["a node with half its fields", "((blocks (Node ((x 1) (y 2)))) (total_size 9))", "a Node has no l"],
    [
      "a node with a field of another kind",
      "((blocks (Node ((x 1) (z 2)))) (total_size 9))",
      'the field "z" is unknown, or there twice',
    ],
    [
      "a tree of something else",
      "((blocks (Node ((l Full)))) (total_size 9))",
      "a tree is neither Empty nor a Node",
    ],
  ])("refuses %s", async (_, text, expected) => {
    expect(await problem(text)).toContain(`DEHYDRATED_BAD_MAP: ${expected}`);
  });

  it("refuses a tree that is deeper than a balanced one can be, without a deep stack", async () => {
    const text = `((blocks ${"(Node ((l ".repeat(100_000)}`;
    expect(await problem(text)).toContain("its tree is too deep to be a balanced one");
  });

  it("refuses more intervals than it keeps", async () => {
    function* chunks(): Generator<Uint8Array> {
      yield new TextEncoder().encode("((blocks (");
      const pairs = new TextEncoder().encode("(0 1)".repeat(65536));
      for (let count = 0; count <= 64; count++) yield pairs;
    }
    await expect(readMap(chunks())).rejects.toMatchObject({ code: "DEHYDRATED_TOO_LARGE" });
  });

  it("takes any text for a map, or says what is wrong", async () => {
    const word = fc.constantFrom(
      "(",
      ")",
      "blocks",
      "total_size",
      "Node",
      "Empty",
      "x",
      "y",
      "l",
      "r",
      "h",
      "0",
      "7",
      " ",
    );
    const mutated = fc
      .tuple(fc.nat(TREE.length), fc.string({ maxLength: 3 }))
      .map(([at, text]) => TREE.slice(0, at) + text + TREE.slice(at + 1));
    const anything = fc.oneof(
      fc.array(word).map((words) => words.join(" ")),
      mutated,
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        const error = await read(text).then(
          () => undefined,
          (caught: unknown) => caught,
        );
        if (error !== undefined) expect(error).toBeInstanceOf(DehydrateError);
      }),
      { numRuns: 500 },
    );
  });
});
