// Owns what of a page of the docs is to be run: its ```sh blocks, line by line, with the exit code that each says it ends
// with, and its recorded sessions (```console). Does not own how they are run.

const FENCE = /^```(\w*)\s*$/;
const NOT_RUN = /^<!-- not run: (.+?) -->$/;
const EXIT_CODE = /#.*\bexit code (\d+)/;

/**
 * The blocks of a page, in order: `{ kind, line, lines, notRun }` with kind `sh` or `console`, the number of the line that
 * opens it, and the reason why it is not run, if it says one.
 */
export function blocksOf(text) {
  const blocks = [];
  let open;
  let lastText = "";
  for (const [index, line] of text.split("\n").entries()) {
    const [, language] = FENCE.exec(line) ?? [];
    if (open !== undefined && line.startsWith("```")) {
      if (open.kind === "sh" || open.kind === "console") blocks.push(open);
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else if (language !== undefined)
      open = { kind: language, line: index + 1, lines: [], notRun: NOT_RUN.exec(lastText)?.[1] };
    if (line.trim() !== "") lastText = line.trim();
  }
  return blocks;
}

/** The command lines of a `sh` block: `{ line, command, exitCode }`. Comments alone are none; a \ at the end joins lines. */
export function commandsOf({ line: first, lines }) {
  const commands = [];
  let begun;
  for (const [index, text] of lines.entries()) {
    begun = begun === undefined ? { line: first + 1 + index, command: text } : joined(begun, text);
    if (text.endsWith("\\")) continue;
    if (begun.command.trim() !== "" && !begun.command.startsWith("#")) commands.push(withExitCode(begun));
    begun = undefined;
  }
  return commands;
}

function joined(begun, text) {
  return { ...begun, command: `${begun.command}\n${text}` };
}

function withExitCode(command) {
  return { ...command, exitCode: Number(EXIT_CODE.exec(command.command)?.[1] ?? 0) };
}

/** The steps of a `console` block: `{ line, command, output }`; `$ ` opens a command, what follows is what it prints. */
export function sessionOf({ line: first, lines }) {
  const steps = [];
  for (const [index, text] of lines.entries()) {
    if (text.startsWith("$ ")) steps.push({ line: first + 1 + index, command: text.slice(2), output: [] });
    else steps.at(-1)?.output.push(text);
  }
  return steps.map(({ output, ...step }) => ({ ...step, output: output.join("\n").trimEnd() }));
}
