import { createRequire } from "node:module";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";

// The build is plain JavaScript without declarations.
const script = new URL("../../build/lazy-requires.mjs", import.meta.url).href;
const { makeLazy } = (await import(script)) as { makeLazy(source: string): string };

const SOURCE = `
const __importDefault = (mod) => (mod && mod.__esModule ? mod : { default: mod });
const node_path_1 = require("node:path");
const box_1 = __importDefault(require("./box"));
exports.join = () => node_path_1.join("a", "b");
exports.make = () => new box_1.default();
exports.call = () => (0, node_path_1.basename)("a/b");
`;

function evaluate(source: string) {
  const required: string[] = [];
  const real = createRequire(import.meta.url);
  const exports: Record<string, () => unknown> = {};
  const require = (name: string): unknown => {
    required.push(name);
    return name === "./box" ? class Box {} : real(name);
  };
  runInNewContext(source, { exports, require });
  return { exports, required };
}

it("requires when a module is first used, once, and not before", () => {
  const { exports, required } = evaluate(makeLazy(SOURCE));
  expect(required).toEqual([]);
  expect(exports.join?.()).toBe("a/b");
  expect(exports.call?.()).toBe("b");
  expect(required).toEqual(["node:path"]);
});

it("leaves construction of what a module exports as it was", () => {
  const made = evaluate(makeLazy(SOURCE)).exports.make?.() as object;
  expect(made.constructor.name).toBe("Box");
});
