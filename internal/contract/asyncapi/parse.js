// Reads an AsyncAPI document from standard input with AsyncAPI's own parser, and
// prints each of its findings as a line. It ends with 1 where there is one.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
// A document of an older version is fine: what is newer has to be wanted first.
const findings = diagnostics.filter((d) => d.code !== "asyncapi-latest-version");
for (const d of findings) {
  console.log(`${d.path.join(".")}: ${d.message} (${d.code})`);
}
if (document) {
  console.error(`${document.channels().all().length} channels, ${document.messages().all().length} messages`);
}
process.exitCode = document && findings.length === 0 ? 0 : 1;
