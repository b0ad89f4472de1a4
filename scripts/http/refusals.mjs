// Owns that no command that changes images does so over HTTP: it refuses, and nothing is sent.
import { howItEnded } from "../corpus/command.mjs";

/** All ways to name a URL where something would be written. */
const writing = (url) => [
  ["write", url, "--text", "x"],
  ["discard", url],
  ["compact", url],
  ["repair", url],
  ["resize", url, "64M"],
  ["check", url, "--repair", "all"],
  ["check", url, "--repair", "leaks"],
  ["pattern", url, "--size", "1M"],
  ["create", url, "1M"],
  ["encode", "disk.raw", url],
  ["decode", "plain.qcow2", url],
];

/** Runs each of them; gives lines of what is wrong and how many there were. */
export async function judgeRefusals({ url, cli, log }) {
  const commands = writing(url);
  const lines = [];
  const { requests } = await log.during(async () => {
    for (const args of commands) {
      const run = await cli(args);
      if (run.exit === 0 || !/^qcow: .+ \([A-Z0-9_]+\)$/m.test(run.stderr))
        lines.push(`${args.join(" ")}: expected a clear refusal, ${howItEnded(run)}`);
    }
  });
  for (const { method, uri } of requests) lines.push(`a writing command sent ${method} ${uri}`);
  return { count: commands.length, lines };
}
