import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Manifest {
  readonly commands: Readonly<
    Record<string, { readonly args: object; readonly flags: Readonly<Record<string, ManifestFlag>> }>
  >;
}

interface ManifestFlag {
  readonly type: "boolean" | "option";
  readonly char?: string;
  readonly allowNo?: boolean;
  readonly default?: unknown;
  readonly options?: readonly string[];
}

const manifest = JSON.parse(
  readFileSync(new URL("../oclif.manifest.json", import.meta.url), "utf8"),
) as Manifest;

function spelling([name, flag]: [string, ManifestFlag]): string {
  const value = flag.options?.join("|") ?? (flag.type === "option" ? "VALUE" : "");
  const parts = [`--${flag.allowNo ? "[no-]" : ""}${name}`, value, flag.char ? `(-${flag.char})` : ""];
  return [...parts, flag.default === undefined ? "" : `[${String(flag.default)}]`]
    .filter((part) => part !== "")
    .join(" ");
}

it("commands, arguments and flags are these: scripts rely on them", () => {
  const commands = Object.entries(manifest.commands).map(([id, { args, flags }]) => ({
    command: [id, ...Object.keys(args).map((name) => name.toUpperCase())].join(" "),
    flags: Object.entries(flags).map(spelling).sort(),
  }));
  expect(commands).toMatchSnapshot();
});
