// An unknown command: names the nearest one that exists. Never prompts, so that scripts behave as people's
// terminals do.

import type { Hook } from "@oclif/core/interfaces";
import { CommandError } from "@qcow/cli-kit";
import { elsewhere } from "../elsewhere.js";
import { nearest } from "../nearest.js";

/** Commands that a plugin of this project has. */
const PLUGINS: Readonly<Record<string, string>> = {
  dehydrate: "@qcow/plugin-dehydrate",
  rehydrate: "@qcow/plugin-dehydrate",
};

const hook: Hook.CommandNotFound = async ({ config, id }) => {
  // oclif joins all words with colons; unless the first is a topic, it alone was meant as the command.
  const [first = id] = id.split(":");
  const name = (config.findTopic(first) ? id : first).replaceAll(":", config.topicSeparator);
  const known = config.commands.filter((command) => !command.hidden).map((command) => command.id);
  const suggestion = nearest(name, known)?.replaceAll(":", config.topicSeparator);
  const plugin = Object.hasOwn(PLUGINS, first) ? PLUGINS[first] : undefined;
  if (plugin !== undefined) {
    throw new CommandError("CLI_USAGE", `${first} is a command of a plugin that is not installed`, {
      hint: `Install it with \`${config.bin} plugins install ${plugin}\`.`,
    });
  }
  const hint =
    elsewhere(first) ??
    (suggestion === undefined
      ? `See \`${config.bin} help\`.`
      : `Did you mean \`${config.bin} ${suggestion}\`?`);
  throw new CommandError("CLI_USAGE", `${name} is no command of ${config.bin}`, { hint });
};

export default hook;
