// Holds dashboards against Grafana's own types: `node check.mjs FILE...`, or one dashboard on standard input as `-`.
// Prints one line for each fault and ends with 1 when there is any; else one line for each file.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const KINDS = {
  bargauge: 'BarGauge', heatmap: 'Heatmap', row: 'Row', stat: 'Stat',
  'state-timeline': 'StateTimeline', table: 'Table', timeseries: 'TimeSeries',
};
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const generator = createGenerator({
  path: here('board.ts'), tsconfig: here('tsconfig.json'), expose: 'none', additionalProperties: false, jsDoc: 'none',
});
const ajv = new Ajv({ allErrors: true, strict: false });
const known = new Map();

function faults(type, value) {
  if (!known.has(type)) known.set(type, ajv.compile(generator.createSchema(type)));
  const holds = known.get(type);
  if (holds(value)) return [];
  return holds.errors.map((e) => `${e.instancePath || '/'} ${e.message} ${JSON.stringify(e.params)}`);
}

let failed = false;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  const board = JSON.parse(text);
  const found = faults('Board', board);
  if (JSON.stringify(board, null, 2) + '\n' !== text) found.push('expected JSON with two spaces as indentation');
  for (const panel of board.panels ?? []) {
    const kind = KINDS[panel.type];
    const where = `panel ${panel.id} "${panel.title}"`;
    if (!kind) found.push(`${where}: expected one of ${Object.keys(KINDS).join(', ')}, found ${panel.type}`);
    else found.push(...faults(kind, panel).map((fault) => `${where}: ${fault}`));
  }
  for (const fault of found) console.log(`${file}: ${fault}`);
  failed ||= found.length > 0;
  if (!found.length) console.log(`${file}: ${board.panels.length} panels hold`);
}
process.exitCode = failed ? 1 : 0;
