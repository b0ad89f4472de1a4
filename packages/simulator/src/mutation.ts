// Ways to break the crash rule on purpose, each of which the simulator must notice. Owns their names.

export const MUTATIONS = [
  /** Refcounts and data are not durable before the tables that name them are written. */
  "no-edge-before-l2",
  /** Clusters may be used again before it is durable that nothing names them. */
  "reuse-at-once",
] as const;

export type Mutation = (typeof MUTATIONS)[number];
