// Owns what must hold of every request that the program sends, whatever it is for.
import { bytesOf } from "./access-log.mjs";

/** Judges logged requests; gives a line that sums them up, and lines of what is wrong. */
export function judgeRequests(requests, { otherPort }) {
  const lines = requests.flatMap((request) => {
    const { method, uri, port, range, authorization } = request;
    const found = [];
    if (method !== "GET") found.push(`${method} where GET is all that is needed`);
    if (!/^bytes=\d+-\d+$/.test(range) && !uri.startsWith("/whole/")) found.push(`the range ${range}`);
    if (port === otherPort && authorization !== "") found.push("a secret was sent to another origin");
    return found.map((line) => `${uri}: ${line}`);
  });
  return { summary: `${requests.length} requests, ${bytesOf(requests)} bytes`, lines };
}
