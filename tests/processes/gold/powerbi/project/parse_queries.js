// Reads a JSON object of M queries by name on stdin; writes what Microsoft's own parser says is wrong, by name.
const { DefaultSettings, TaskUtils } = require("@microsoft/powerquery-parser");

async function main() {
  const queries = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const faults = {};
  for (const [name, text] of Object.entries(queries)) {
    const task = await TaskUtils.tryLexParse(DefaultSettings, text);
    if (TaskUtils.isError(task)) faults[name] = task.error.message;
  }
  console.log(JSON.stringify(faults));
}

main();
