// node parse.mjs FOLDER-OF-THE-PARSER FILE: what the official parser finds, and what the document holds, as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, file] = process.argv.slice(2);
const { Parser } = createRequire(`${folder}/`)('@asyncapi/parser');
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
const problems = diagnostics.filter((one) => one.severity < 2).map((one) => `${one.path.join('/')}: ${one.message}`);
const held = document && {
  channels: document.channels().length,
  operations: document.operations().length,
  schemas: document.components().schemas().length,
};
process.stdout.write(JSON.stringify({ problems, held }));
