// Ways to break the crash rule on purpose, each of which the simulator must notice. Owns their names.

export const MUTATIONS = [
  /** Refcounts and data are not durable before the tables that name them are written. */
  "no-edge-before-l2",
  /** Clusters may be used again before it is durable that nothing names them. */
  "reuse-at-once",
  /** The source of a move is given up before it is durable that its copy is named. */
  "source-before-pointer",
  /** What was given up is cut off the file before that is durable. */
  "cut-before-flush",
] as const;

export type Mutation = (typeof MUTATIONS)[number];
