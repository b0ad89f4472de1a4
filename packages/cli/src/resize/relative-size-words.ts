// Lets `-1G` be a size where an option could be: oclif takes every word with a dash for an option. Owns the rewriting.

const NEGATIVE_SIZE = /^-[0-9]/;

/** `argv` in which a word like `-1G`, unless it is the value of `--size` already, has become `--size=-1G`. */
export function relativeSizeWords(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((word, index) => {
    const isWord = NEGATIVE_SIZE.test(word) && argv[index - 1] !== "--size" && (end === -1 || index < end);
    return isWord ? `--size=${word}` : word;
  });
}
