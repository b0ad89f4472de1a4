// Owns judging one habit of a server: every reading command, beside what it says of the local file.
import { howItEnded } from "../corpus/command.mjs";
import { differences } from "../corpus/difference.mjs";
import { SECRETS } from "./habits.mjs";
import { NAMES } from "./images.mjs";

/** Command -> its words before and after the image, and whether its output is a document. */
export const COMMANDS = {
  info: { args: (image) => ["info", image, "--json"], isDocument: true },
  map: { args: (image) => ["map", image, "--json"], isDocument: true },
  check: { args: (image) => ["check", image, "--json"], isDocument: true },
  sha: { args: (image) => ["sha", image] },
  decode: { args: (image) => ["decode", image, "-"] },
};

/** How the file is called, and what only the host of a local file knows. */
const EXCEPT = ["filename", "full-backing-filename", "actual-size"];

/** What each command says of the local image in the folder where `cli` runs. */
export async function localAnswers(cli) {
  const answers = {};
  for (const [name, { args }] of Object.entries(COMMANDS)) answers[name] = await cli(args(NAMES.overlay));
  return answers;
}

/** Runs every command on the image at `url`; gives a map from its name to lines of what is wrong. */
export async function judgeHabit({ login, args = [], env = {}, error }, { url, cli, local }) {
  const address = login === undefined ? url : url.replace("://", `://${login}@`);
  const aspects = {};
  for (const [name, command] of Object.entries(COMMANDS)) {
    const run = await cli([...command.args(address), ...args], { env: { ...process.env, ...env } });
    const found =
      error === undefined ? asLocally(command, local[name], run) : oneClearError(command, error, run);
    aspects[name] = [...found, ...leaked(run)];
  }
  return aspects;
}

function asLocally({ isDocument }, local, run) {
  if (run.exit !== local.exit) return [`expected exit ${local.exit}, ${howItEnded(run)}`];
  if (isDocument) return differences(JSON.parse(local.text), JSON.parse(run.text), { except: EXCEPT });
  return run.text.equals(local.text) ? [] : ["the bytes are other ones than locally"];
}

function oneClearError({ isDocument }, code, run) {
  const lines = run.stderr.split("\n").filter((line) => line.startsWith("qcow: "));
  if (run.exit !== 1) return [`expected exit 1 for ${code}, ${howItEnded(run)}`];
  if (lines.length !== 1 || !lines[0].endsWith(` (${code})`))
    return [`expected one line of ${code}, got ${JSON.stringify(run.stderr)}`];
  const said = isDocument ? JSON.parse(run.text).error?.code === code : run.bytes === 0;
  return said ? [] : [`stdout has more than the error: ${run.bytes} bytes`];
}

function leaked({ text, stderr }) {
  return SECRETS.filter((secret) => stderr.includes(secret) || text.includes(secret)).map(
    (secret) => `it prints the secret ${secret}`,
  );
}
