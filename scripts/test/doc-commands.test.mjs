// How a page of the docs is taken apart into what is run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf, commandsOf, sessionOf } from "../doc-commands/blocks.mjs";

const blocks = (...lines) => blocksOf(lines.join("\n"));

test("sh and console blocks are run, and no others", () => {
  const found = blocks(
    "```sh",
    "a",
    "```",
    "```js",
    "b",
    "```",
    "```console",
    "$ c",
    "```",
    "```",
    "d",
    "```",
  );
  assert.deepEqual(
    found.map(({ kind, line }) => [kind, line]),
    [
      ["sh", 1],
      ["console", 7],
    ],
  );
});

test("a block that is not run says why, right before it", () => {
  const found = blocks("<!-- not run: no device -->", "```sh", "a", "```", "```sh", "b", "```");
  assert.deepEqual(
    found.map(({ notRun }) => notRun),
    ["no device", undefined],
  );
});

test("each line is a command, comments and empty lines excepted", () => {
  const [block] = blocks("text", "```sh", "# one", "a | b", "", "c \\", "  d", "```");
  assert.deepEqual(commandsOf(block), [
    { line: 4, command: "a | b", exitCode: 0 },
    { line: 6, command: "c \\\n  d", exitCode: 0 },
  ]);
});

test("the comment of a command may say another exit code", () => {
  const [block] = blocks("```sh", "qcow check a   # damaged: exit code 2", "```");
  assert.equal(commandsOf(block)[0].exitCode, 2);
});

test("a command of a session prints what follows it", () => {
  const [block] = blocks("```console", "$ a", "1", "", "2", "", "$ b", "```");
  assert.deepEqual(sessionOf(block), [
    { line: 2, command: "a", output: "1\n\n2" },
    { line: 7, command: "b", output: "" },
  ]);
});
