#!/usr/bin/env node
// Reads images from a real nginx with the command line: servers of all habits, how few requests and bytes it takes by
// nginx's own log, and that commands that write refuse. Prints tables; exits 1 on any violation.
//
//   node scripts/http.mjs [--scale 0.1] [--dir DIR] [--jobs N] [--cli PATH]
//
// The images of the budgets are those of the bench: made where missing, in --dir, $QCOW_BENCH_DIR or the temporary folder.
// Without nginx it does nothing and says so; QCOW_REQUIRE_TOOLS=1 makes that a failure.
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFragmentedImage } from "./bench/fragmented-image.mjs";
import { ensureImages } from "./bench/images.mjs";
import { hasTool } from "./bench/tool.mjs";
import { runCommand } from "./corpus/command.mjs";
import { inOrder } from "./corpus/pool.mjs";
import { failures, heading, row } from "./corpus/table.mjs";
import { BUDGETS, judgeBudget } from "./http/budgets.mjs";
import { HABITS } from "./http/habits.mjs";
import { makeImages, NAMES } from "./http/images.mjs";
import { COMMANDS, judgeHabit, localAnswers } from "./http/judge-habit.mjs";
import { startNginx } from "./http/nginx.mjs";
import { judgeRefusals } from "./http/refusals.mjs";
import { judgeRequests } from "./http/requests.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const WIDE_BYTES = 4 * 1024 ** 3;

const { values } = parseArgs({
  options: {
    scale: { type: "string", default: "0.1" },
    dir: { type: "string", default: process.env.QCOW_BENCH_DIR },
    jobs: { type: "string", default: `${availableParallelism()}` },
    cli: { type: "string", default: join(ROOT, "packages/cli/bin/run.js") },
  },
});

/** Says that something could not be judged; where tools are required that is a failure. */
function skipped(what) {
  console.log(`SKIPPED: ${what}`);
  if (process.env.QCOW_REQUIRE_TOOLS) process.exitCode = 1;
}

if (hasTool("nginx")) await judgeAll();
else skipped("nginx is missing");

async function judgeAll() {
  const scratch = await mkdtemp(join(tmpdir(), "qcow-http-"));
  const images = join(scratch, "images");
  const bench = resolve(values.dir ?? join(tmpdir(), `qcow-bench-${values.scale}`));
  const cli = (args, options) =>
    runCommand(process.execPath, [resolve(values.cli), ...args], { cwd: images, ...options });
  try {
    await makeImages(images, cli);
    await writeFragmentedImage(join(images, "wide.qcow2"), WIDE_BYTES);
    const lacking = await ensureImages(bench, ["b", "c"], Number(values.scale), console.log);
    if (lacking.length > 0) skipped(`the budgets of ${lacking.join(" and ")}`);
    const nginx = await startNginx({ images, bench });
    try {
      const context = { nginx, cli, images, bench, lacking, scratch };
      const lines = [...(await refusals(context)), ...(await budgets(context)), ...(await habits(context))];
      if (lines.length > 0) console.log(["", ...lines].join("\n"));
      if (lines.length > 0) process.exitCode = 1;
    } finally {
      await nginx.stop();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function refusals({ nginx, cli }) {
  const url = nginx.url(`images/${NAMES.plain}`);
  const { count, lines } = await judgeRefusals({ url, cli, log: nginx.log });
  console.log(`${count} commands that would write to a URL: ${lines.length === 0 ? "all refuse" : "FAIL"}\n`);
  return lines;
}

/** One after the other: the log does not say whose a request was. */
async function budgets({ nginx, cli, images, bench, lacking, scratch }) {
  console.log(`${"command".padEnd(46)} requests      bytes`);
  const found = [];
  for (const budget of BUDGETS.filter(({ image }) => !lacking.includes(image))) {
    const [folder, name] = budget.image === "wide" ? [images, "images"] : [bench, "bench"];
    const context = { folder, url: nginx.url(`${name}/`), cli, log: nginx.log, scratch };
    const { requests, bytes, lines } = await judgeBudget(budget, context);
    const title = `${budget.args.join(" ")} of ${budget.image}`;
    const verdict = lines.length === 0 ? "ok" : "FAIL";
    console.log(`${title.padEnd(46)} ${`${requests}`.padStart(8)} ${`${bytes}`.padStart(10)}  ${verdict}`);
    found.push(...lines.map((line) => `${title}: ${line}`));
  }
  console.log("");
  return found;
}

async function habits({ nginx, cli }) {
  const local = await localAnswers(cli);
  const columns = Object.keys(COMMANDS);
  console.log(heading(columns));
  const { value: results, requests } = await nginx.log.during(() =>
    inOrder(
      HABITS,
      Number(values.jobs),
      async (habit) => {
        const url = nginx.url(`${habit.at}images/${NAMES.overlay}`);
        return { name: habit.name, aspects: await judgeHabit(habit, { url, cli, local }) };
      },
      (result) => console.log(row(columns, result)),
    ),
  );
  const { summary, lines } = judgeRequests(requests, nginx);
  console.log(`\n${summary}`);
  return [...failures(results), ...lines];
}
