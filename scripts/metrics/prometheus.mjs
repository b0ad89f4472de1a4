// Owns a private Prometheus that scrapes one address each second: its configuration, its start and end, and questions to it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePorts } from "../http/free-ports.mjs";

const EXAMPLES = fileURLToPath(new URL("../../packages/plugin-prometheus/examples/", import.meta.url));
const READY_MS = 30_000;

/** Starts it, with the alert rules of the examples. `target` is HOST:PORT. */
export async function startPrometheus(folder, target) {
  await mkdir(folder);
  await cp(join(EXAMPLES, "alerts.yml"), join(folder, "alerts.yml"));
  const configuration = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ["alerts.yml"],
    scrape_configs: [{ job_name: "qcow", static_configs: [{ targets: [target] }] }],
  };
  await writeFile(join(folder, "prometheus.yml"), JSON.stringify(configuration));
  const [port] = await freePorts(1);
  const args = [
    `--config.file=${join(folder, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=warn",
  ];
  const child = spawn("prometheus", args, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = once(child, "close");
  const url = `http://127.0.0.1:${port}`;
  for (const end = performance.now() + READY_MS; !(await isReady(url)); await sleep(100)) {
    if (child.exitCode === null && performance.now() < end) continue;
    child.kill("SIGKILL");
    throw new Error(`prometheus does not start: ${stderr.slice(-1000)}`);
  }
  return {
    query: (expression) => ask(url, "query", { query: expression }).then(({ result }) => result),
    rules: () => ask(url, "rules", {}).then(({ groups }) => groups.flatMap((group) => group.rules)),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function isReady(url) {
  return fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function ask(url, what, parameters) {
  const response = await fetch(`${url}/api/v1/${what}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = await response.json();
  if (status !== "success")
    throw new Error(`prometheus does not answer ${JSON.stringify(parameters)}: ${error}`);
  return data;
}
