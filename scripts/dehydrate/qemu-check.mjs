// Owns exit codes of `qemu-img check`, from one shell that starts it again and again: this process has grown, and to fork it
// for each image takes longer than the check.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const LOOP = `while IFS= read -r folder && IFS= read -r name; do
  (cd "$folder" && exec qemu-img check -q "$name") </dev/null >/dev/null 2>&1
  echo $?
done`;

export class QemuCheck {
  #shell = spawn("sh", ["-c", LOOP], { stdio: ["pipe", "pipe", "inherit"] });
  #waiting = [];

  constructor() {
    createInterface({ input: this.#shell.stdout }).on("line", (line) => this.#waiting.shift()(Number(line)));
  }

  /** The exit code for the image `name` in `folder`. */
  exitCode(folder, name) {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#shell.stdin.write(`${folder}\n${name}\n`);
    });
  }

  stop() {
    this.#shell.stdin.end();
  }
}
