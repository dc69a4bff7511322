// Writes the dashboards into the folder that is named.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { money } from './money';
import { overview } from './overview';
import { receiver } from './receiver';
import { worker } from './worker';

const folder = process.argv[2];
if (folder === undefined) {
  throw new Error('name the folder to write into');
}
for (const [name, make] of Object.entries({ overview, receiver, worker, money })) {
  const dashboard = make().build();
  for (const [i, panel] of (dashboard.panels ?? []).entries()) {
    panel.id = i + 1; // links to a panel hold as long as it keeps its place
  }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(dashboard, null, 2) + '\n');
}
