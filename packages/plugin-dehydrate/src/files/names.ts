// How the files of a dehydrated image end. Those of the pair are qcow-tool's.

export const MAP_END = ".map";
export const META_END = ".meta";
export const ARCHIVE_END = ".tar.gz";
