// An esbuild plugin that makes the requires of TypeScript-compiled CommonJS lazy. @oclif/core's modules
// require each other at the top and use little of it when one known command is run; evaluating all of it
// costs more than the command. `const x_1 = require("y")` becomes a function that requires when it is first
// called, and each use `x_1.name` calls it. TypeScript always writes uses in that form.

import { readFile } from "node:fs/promises";

const DECLARATION =
  /^const (\w+_\d+) = ((?:__importDefault|__importStar)\(require\(.+?\)\)|require\(.+?\));$/gm;

export function lazyRequires(filter) {
  return {
    name: "lazy-requires",
    setup(build) {
      build.onLoad({ filter }, async ({ path }) => ({
        contents: makeLazy(await readFile(path, "utf8")),
        loader: "js",
      }));
    },
  };
}

export function makeLazy(source) {
  const names = [];
  const declared = source.replace(DECLARATION, (_line, name, value) => {
    names.push(name);
    return `let ${name}_loaded; const ${name}_get = () => (${name}_loaded ??= ${value});`;
  });
  return names.reduce(
    (text, name) => text.replace(new RegExp(`(?<![\\w.])${name}(?=[.)])`, "g"), `(${name}_get())`),
    declared,
  );
}
