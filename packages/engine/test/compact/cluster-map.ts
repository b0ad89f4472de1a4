// What the clusters of a file are used for, drawn as text, for tests of plans. Owns the letters; nothing is in a file.

import type { ClusterUse } from "../../src/compact/cluster-use.js";
import type { Structure } from "../../src/compact/structure.js";

/** Cluster size of every map. */
export const CLUSTER = 512;

/**
 * A letter for each cluster: `H` the header, `s` a single, `c` compressed streams, `.` free, `-` free but not to be
 * used. Other capital letters are structures: neighbours with the same letter are one.
 */
export function useOf(map: string): ClusterUse {
  const at = (index: number): string => map[index] ?? "-";
  const structures: Structure[] = [];
  for (let index = 0; index < map.length; index++) {
    if (!isStructure(at(index)) || at(index) === at(index - 1)) continue;
    let end = index + 1;
    while (at(end) === at(index)) end++;
    structures.push({
      kind: "snapshot-l1",
      offset: index * CLUSTER,
      length: (end - index) * CLUSTER,
      owners: [0],
    });
  }
  const isFree = (index: number): boolean => at(index) === "." || at(index) === "-";
  return {
    clusterSize: CLUSTER,
    clusterCount: map.length,
    used: [...map].filter((_, index) => !isFree(index)).length,
    structures,
    references: (index) => (isFree(index) ? 0 : 1),
    isSingle: (index) => at(index) === "s",
    isCompressed: (index) => at(index) === "c",
    // What follows the file can be used, as long as its refcount has a place: for eight clusters.
    isUsable: (index) => at(index) === "." || (index >= map.length && index < map.length + 8),
  };
}

function isStructure(letter: string): boolean {
  return letter !== "H" && letter >= "A" && letter <= "Z";
}
