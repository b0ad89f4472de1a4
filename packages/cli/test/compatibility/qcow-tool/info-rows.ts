// What users of qcow-tool write to have an image described.

import type { Row, Section } from "../row.js";

const ADDITIONAL =
  "(((dirty true) (corrupt false) (lazy_refcounts true) (autoclear_features 0)\n  (refcount_order 4)))\n";

const FRESH = `((version Three) (backing_file_offset 0) (backing_file_size 0)
 (cluster_bits 16) (size 1024) (crypt_method None) (l1_size 1)
 (l1_table_offset ((bytes 131072) (is_mutable false) (is_compressed false)))
 (refcount_table_offset
  ((bytes 65536) (is_mutable false) (is_compressed false)))
 (refcount_table_clusters 1) (nb_snapshots 0) (snapshots_offset 0)
 (additional
  (((dirty true) (corrupt false) (lazy_refcounts true) (autoclear_features 0)
    (refcount_order 4))))
 (extensions
  ((Feature_name_table
    (((ty Incompatible) (bit 0) (feature Dirty))
     ((ty Incompatible) (bit 1) (feature Corrupt))
     ((ty Compatible) (bit 0) (feature Lazy_refcounts)))))))
`;

export const INFO: Section = {
  title: "info",
  text:
    "By the name `qcow`, `info` prints what people want to read; `--output sexp` is the S-expression there. What qcow-tool did " +
    "not know of (a data file, extended L2 entries, zstd, bitmaps) is added where an image has it.",
  rows: [
    {
      line: "qcow-tool info fresh.qcow2",
      does: "The S-expression of the header, to the byte, lines broken in the same places.",
      stdout: FRESH,
    },
    { line: "qcow info fresh.qcow2 --output sexp", does: "The same by the other name.", stdout: FRESH },
    {
      line: "qcow-tool create v2.qcow2 --size 1MiB --compat 0.10 && qcow-tool info v2.qcow2",
      does: "Version 2 has neither `additional` nor `extensions`.",
      stdout: /\(version Two\)[\s\S]*\(additional \(\)\) \(extensions \(\)\)\)\n$/,
    },
    {
      line: "qcow-tool info disk.raw",
      does: "Exit code 1, and that this is no qcow2 image.",
      differs: "the words, which were `Expected magic: got XX`.",
      exit: 1,
      stderr: /QCOW2_BAD_MAGIC/,
    },
    {
      line: "head -c 50 disk.qcow2 > cut.qcow2; qcow-tool info cut.qcow2",
      does: "Exit code 1, and that the header is cut off.",
      differs: "a whole header is enough; qcow-tool wanted 1024 bytes.",
      exit: 1,
      stderr: /QCOW2_|BACKEND_/,
    },
  ],
};

const found = (path: string, stdout: string): Row => ({
  line: `qcow-tool info fresh.qcow2 --filter ${path}`,
  does: `\`${stdout.trim().replaceAll(/\s+/g, " ")}\``,
  stdout,
});

const failing = (path: string, words: string): Row => ({
  line: `qcow-tool info fresh.qcow2 --filter ${path}`,
  does: `Exit code 1: \`${words}\``,
  exit: 1,
  stdout: "",
  stderr: new RegExp(`^qcow: ${words.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}`),
});

export const FILTER: Section = {
  title: "info --filter",
  text: "The language, and the words for what it cannot find, are those of qcow-tool. A failure is exit code 1.",
  rows: [
    found(".size", "1024\n"),
    found(".additional.[0].dirty", "true\n"),
    found(".additional", ADDITIONAL),
    found(".l1_table_offset.bytes", "131072\n"),
    found("'.[4]'", "(size 1024)\n"),
    found("'.[4].[1]'", "1024\n"),
    found("'.extensions.[0].Feature_name_table[0].[1]'", "((ty Incompatible) (bit 1) (feature Corrupt))\n"),
    found("'.\\size'", "1024\n"),
    { ...found(".", FRESH), does: "The whole." },
    failing("''", "Path.parse: path empty"),
    failing("size", "Path.parse: '.' expected; got 's'"),
    failing("..size", "Path.parse: double '.'"),
    failing("'.[4'", "Path.parse: EOF reading index"),
    failing("'.[]'", "Path.parse: empty index"),
    failing("'.[x]'", "Path.parse: illegal character in index: x"),
    failing("'.size\\'", "Path.parse: EOF after escape"),
    failing(".nope", 'Path.extract_rec: key "nope" not found in: ((version Three)'),
    failing("'.additional.[1]'", "Path.extract_pos: illegal index 1 in: (((dirty true)"),
    failing(".size.x", "Path.extract_rec: illegal atom: 1024"),
    failing(".size.", "Path.extract_rec: illegal atom: 1024"),
    failing("'.additional.Some[0]'", "Path.extract_match: unexpected nested list in: (((dirty true)"),
  ],
};
