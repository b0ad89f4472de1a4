import { boolean } from "@oclif/core/flags";
import type { Config } from "@oclif/core/interfaces";
import { expect, it } from "vitest";
import { type CommandExtension, extensionFlags, loadExtensions } from "../src/command-extension.js";

const onServe: CommandExtension = {
  flags: (command) => (command === "serve" ? { "metrics-port": boolean() } : {}),
};

it("a flag is added to the commands that the extension names", () => {
  expect(Object.keys(extensionFlags([onServe], "serve", {}))).toEqual(["metrics-port"]);
  expect(extensionFlags([onServe], "info", {})).toEqual({});
});

it("a command's own flag stays its own, and of two extensions the first has it", () => {
  expect(extensionFlags([onServe], "serve", { "metrics-port": boolean() })).toEqual({});
  const other: CommandExtension = { flags: () => ({ "metrics-port": boolean({ description: "other" }) }) };
  expect(extensionFlags([onServe, other], "serve", {})["metrics-port"]?.description).toBeUndefined();
});

it("the plugins are asked once, and those that fail are named", async () => {
  let asked = 0;
  const runHook = async (event: string, { addExtension }: Record<string, unknown>) => {
    asked++;
    if (event === "qcow:extensions") (addExtension as (extension: CommandExtension) => void)(onServe);
    return { successes: [], failures: [{ plugin: { name: "broken" }, error: new Error("no") }] };
  };
  const config = { plugins: new Map([["x", {}]]), runHook } as unknown as Config;
  const [first, second] = [await loadExtensions(config), await loadExtensions(config)];
  expect(first).toEqual({ all: [onServe], failures: [{ plugin: "broken", error: new Error("no") }] });
  expect([second === first, asked]).toEqual([true, 1]);
});

it("without plugins nobody is asked", async () => {
  const config = { plugins: new Map() } as unknown as Config;
  expect((await loadExtensions(config)).all).toEqual([]);
});
