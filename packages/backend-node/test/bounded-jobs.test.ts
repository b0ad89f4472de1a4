import { describe, expect, it } from "vitest";
import { BoundedJobs } from "../src/bounded-jobs.js";

/** A job that runs until it is told to end. */
function heldJob(log: string[], name: string) {
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const job = async () => {
    log.push(`start ${name}`);
    await ended;
    log.push(`end ${name}`);
    return name;
  };
  return { job, end };
}

const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

describe("bounded jobs", () => {
  it("run at most so many at once, and the rest in order", async () => {
    const jobs = new BoundedJobs(2);
    const log: string[] = [];
    const held = ["a", "b", "c", "d"].map((name) => heldJob(log, name));
    const results = held.map(({ job }) => jobs.run(job));
    await turns();
    expect(log).toEqual(["start a", "start b"]);
    held[1]?.end();
    await turns();
    expect(log).toEqual(["start a", "start b", "end b", "start c"]);
    for (const { end } of held) end();
    expect(await Promise.all(results)).toEqual(["a", "b", "c", "d"]);
    expect(log.filter((line) => line.startsWith("start"))).toEqual([
      "start a",
      "start b",
      "start c",
      "start d",
    ]);
  });

  it("give their place on when they fail", async () => {
    const jobs = new BoundedJobs(1);
    const failed = jobs.run(() => Promise.reject(new Error("damaged")));
    const next = jobs.run(() => Promise.resolve("fine"));
    await expect(failed).rejects.toThrow("damaged");
    expect(await next).toBe("fine");
    expect(await jobs.run(() => Promise.resolve("again"))).toBe("again");
  });
});
