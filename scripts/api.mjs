// Owns `npm run api`: the reference of all packages' exports, as pages in docs/api (not in git), from their comments. Fails when
// an export names a type that cannot be imported, or a comment links to nothing.
// Does not own the comments, nor which packages there are.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Application } from "typedoc";
import { publicPackages } from "./pack.mjs";
import { root } from "./workspace.mjs";

/** Where the pages go: a folder that has nothing else. */
const out = join(root, "docs", "api");

/** READMEs link to folders, which a repository shows and the pages do not: no matter. */
const VALIDATION = { notExported: true, invalidLink: true, invalidPath: false, notDocumented: false };

const app = await Application.bootstrap({
  name: "qcow",
  out,
  // By default typedoc empties the folder that it writes to, whichever that is. What is emptied is said below.
  cleanOutputDir: false,
  // Each package by its own tsconfig, from the entry points that its `exports` name; then links between all of them.
  entryPointStrategy: "packages",
  entryPoints: publicPackages()
    .filter(({ manifest }) => manifest.exports !== undefined)
    .map(({ path }) => path),
  packageOptions: {
    validation: VALIDATION,
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
  },
  validation: VALIDATION,
  disableSources: true,
  readme: "none",
  includeVersion: true,
  treatWarningsAsErrors: true,
});

const project = await app.convert();
if (project === undefined) throw new Error("the packages could not be read");
app.validate(project);
rmSync(out, { recursive: true, force: true });
await app.generateDocs(project, out);
const { errorCount, warningCount } = app.logger;
console.log(`api: ${project.children?.length ?? 0} packages, in ${out}`);
process.exitCode = errorCount + warningCount > 0 ? 1 : 0;
