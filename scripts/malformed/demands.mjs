// Owns what each kind of case demands of the four commands beyond good manners, and the two cases whose kind
// says more than the case means. Reference contents are what qemu-img convert was recorded to give.
import { ERROR_LINE, streamsOn } from "./manners.mjs";

const DEMANDS = {
  reject: ({ runs }) => [
    ...["info", "map", "decode"].flatMap((command) => refused(command, runs[command])),
    ...refused("check", runs.check, [1, 63]),
  ],
  "check-corrupt": ({ runs, qemu }) => [...checkSays(runs, [2]), ...neverOtherContents(runs, qemu)],
  "check-leak": ({ runs, qemu }) => [...checkSays(runs, [3]), ...sameContents(runs, qemu)],
  "check-error": ({ runs, qemu }) => [...checkSays(runs, [1, 2]), ...neverOtherContents(runs, qemu)],
  "read-error": ({ runs }) => refused("decode", runs.decode),
  accept: ({ runs, qemu }) => [
    ...["info", "check", "map"].flatMap((command) => succeeded(command, runs[command])),
    ...sameContents(runs, qemu),
  ],
  tolerated: ({ runs, qemu }) => neverOtherContents(runs, qemu),
  bounded: ({ runs, qemu }) => neverOtherContents(runs, qemu),
  sanitize: ({ runs, qemu }) => neverOtherContents(runs, qemu),
  "no-external": ({ runs, qemu }) => neverOtherContents(runs, qemu),
};

const EXCEPTIONS = {
  /** Metadata of encrypted images can be had without a key; contents cannot. */
  "crypt-aes-on-plain": ({ runs }) => refused("decode", runs.decode),
  /** "check may open it to rebuild": then it has to call it corrupt. */
  "reftable-clusters-0": ({ runs }) => [
    ...["info", "map", "decode"].flatMap((command) => refused(command, runs[command])),
    ...(runs.check.exit === 2 ? [] : refused("check", runs.check)),
  ],
};

/** Lines saying which demands a case does not meet, of `{ runs, qemu }`: our runs, QEMU's recorded behaviour. */
export function unmetDemands(testCase, outcome) {
  const demand = EXCEPTIONS[testCase.name] ?? DEMANDS[testCase.kind];
  return demand === undefined ? [`the judge knows no kind ${testCase.kind}`] : demand(outcome);
}

function refused(command, run, exits = [1]) {
  const line = run.stderr.toString().split("\n", 1)[0];
  if (exits.includes(run.exit) && ERROR_LINE.test(line)) return [];
  return [
    `${command} must refuse (exit ${run.exit}, ${run.stdout.bytes} bytes, stderr ${JSON.stringify(line)})`,
  ];
}

const succeeded = (command, run) => (run.exit === 0 ? [] : [`${command} must succeed (exit ${run.exit})`]);

const checkSays = (runs, exits) =>
  exits.includes(runs.check.exit) ? [] : [`check must exit ${exits.join(" or ")}, not ${runs.check.exit}`];

/** Reading may fail, but must not succeed with contents that QEMU does not see. */
function neverOtherContents(runs, qemu) {
  const comparable = runs.decode.exit === 0 && qemu.convert.exit === 0 && !streamsOn("decode", runs.decode);
  if (!comparable || runs.decode.stdout.sha256 === qemu.convert.sha256) return [];
  return ["decode succeeds with other contents than qemu-img convert"];
}

const sameContents = (runs, qemu) => [...succeeded("decode", runs.decode), ...neverOtherContents(runs, qemu)];
