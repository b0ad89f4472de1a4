// Bytes as lines of hexadecimal and text. Owns the layout.

const PER_LINE = 16;

export function hexDump(bytes: Uint8Array, offset: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += PER_LINE)
    lines.push(line(bytes.subarray(at, at + PER_LINE), offset + at));
  return lines.join("\n");
}

function line(bytes: Uint8Array, offset: number): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
  ).join("");
  return `${offset.toString(16).padStart(8, "0")}  ${digits.padEnd(PER_LINE * 3 - 1)}  ${text}`;
}
