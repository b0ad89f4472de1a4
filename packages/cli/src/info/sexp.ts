// S-expressions as qcow-tool prints them. Owns the layout (lines of at most 77 characters) and the
// quoting of atoms; header-sexp.ts says what is printed.

/** An atom, or a list. The characters of an atom are bytes (0 to 255): names from an image are printed byte by byte. */
export type Sexp = string | readonly Sexp[];

const LINE_MAX = 77;

/** `expression` on as few lines as the layout allows, without a newline at the end. */
export function layoutSexp(expression: Sexp): string {
  const page = new Page();
  write(page, expression);
  return page.text;
}

/** `expression` on one line. */
export function flatSexp(expression: Sexp): string {
  if (typeof expression === "string") return quoteAtom(expression);
  return `(${expression.map(flatSexp).join(" ")})`;
}

/** The bytes of `text` in UTF-8, as an atom. */
export function textAtom(text: string): string {
  return bytesAtom(new TextEncoder().encode(text));
}

/** Any bytes, as an atom. */
export function bytesAtom(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

class Page {
  text = "";
  column = 0;
  /** Where the current line begins. */
  indent = 0;

  add(text: string): void {
    this.text += text;
    this.column += text.length;
  }

  breakLine(indent: number): void {
    this.text += `\n${" ".repeat(indent)}`;
    this.column = indent;
    this.indent = indent;
  }
}

function write(page: Page, expression: Sexp): void {
  const flat = flatSexp(expression);
  if (typeof expression === "string" || flat.length <= LINE_MAX - page.column) {
    page.add(flat);
    return;
  }
  page.add("(");
  const indent = page.column;
  for (const [index, item] of expression.entries()) {
    if (index > 0) separate(page, item, { indent, isLast: index === expression.length - 1 });
    write(page, item);
  }
  page.add(")");
}

/** An item goes on a new line when it does not fit whole, or directly after one that was itself broken. */
function separate(
  page: Page,
  item: Sexp,
  place: { readonly indent: number; readonly isLast: boolean },
): void {
  const needed = 1 + flatSexp(item).length + (place.isLast ? 1 : 0);
  if (needed > LINE_MAX - page.column || page.indent > place.indent) page.breakLine(place.indent);
  else page.add(" ");
}

const PLAIN = /^[!-~]+$/;
const NEEDS_QUOTES = /[\s"();\\]|#\||\|#|#;/;

function quoteAtom(atom: string): string {
  if (PLAIN.test(atom) && !NEEDS_QUOTES.test(atom)) return atom;
  return `"${atom.replace(/["\\]|[^ -~]/g, escapeByte)}"`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\b": "\\b",
};

function escapeByte(byte: string): string {
  return ESCAPES[byte] ?? `\\${byte.charCodeAt(0).toString().padStart(3, "0")}`;
}
