import type { Plugin } from "esbuild";

export function lazyRequires(filter: RegExp): Plugin;
export function makeLazy(source: string): string;
