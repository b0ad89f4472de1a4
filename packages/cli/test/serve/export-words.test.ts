import { describe, expect, it } from "vitest";
import { parseExportWords } from "../../src/serve/export-words.js";

describe("what words name", () => {
  it("is the default export when there is one image without a name", () => {
    expect(parseExportWords(["/disks/a.qcow2"])).toEqual([{ name: "", address: "/disks/a.qcow2" }]);
  });

  it("are exports called as their files when there are several", () => {
    expect(parseExportWords(["/disks/a.qcow2", "http://host/x/b.qcow2?key=1"])).toEqual([
      { name: "a.qcow2", address: "/disks/a.qcow2" },
      { name: "b.qcow2", address: "http://host/x/b.qcow2?key=1" },
    ]);
  });

  it.each([
    ["web=b.qcow2", "web", "b.qcow2"],
    ["web=a=b.qcow2", "web", "a=b.qcow2"],
    ["=b.qcow2", "", "b.qcow2"],
    ["./a=b.qcow2", "", "./a=b.qcow2"],
    ["http://host/?a=b", "", "http://host/?a=b"],
    ["web=", "", "web="],
  ])("%s is the export %j of %s", (word, name, address) => {
    expect(parseExportWords([word])).toEqual([{ name, address }]);
  });

  it.each([[["a/x.qcow2", "b/x.qcow2"]], [["x=a", "x=b"]]])("%j are refused: one name", (words) => {
    expect(() => parseExportWords(words)).toThrow(/two exports would be called "x/);
  });

  it("is refused when no client could send the name", () => {
    expect(() => parseExportWords([`${"x".repeat(4097)}=a`])).toThrow("too long");
  });
});
