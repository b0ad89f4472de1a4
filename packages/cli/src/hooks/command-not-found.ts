// An unknown command: names the nearest one that exists. Never prompts, so that scripts behave as people's
// terminals do.

import type { Hook } from "@oclif/core/interfaces";
import { CommandError } from "@qcow/cli-kit";
import { nearest } from "../nearest.js";

const hook: Hook.CommandNotFound = async ({ config, id }) => {
  const name = id.replaceAll(":", config.topicSeparator);
  const known = config.commands.filter((command) => !command.hidden).map((command) => command.id);
  const suggestion = nearest(id, known)?.replaceAll(":", config.topicSeparator);
  throw new CommandError("CLI_USAGE", `${name} is no command of ${config.bin}`, {
    hint:
      suggestion === undefined
        ? `See \`${config.bin} help\`.`
        : `Did you mean \`${config.bin} ${suggestion}\`?`,
  });
};

export default hook;
