// What a program takes of its machine.
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { graph, row } from './panels';
import { here } from './page';

export function resources(page: DashboardBuilder, components: string): DashboardBuilder {
  const pods = `component=~"${components}", ${here}`;
  return page
    .withRow(row('Resources'))
    .withPanel(
      graph({
        title: 'Memory',
        description: 'By pod. GOMEMLIMIT keeps it under the limit of the pod.',
        unit: 'bytes',
        queries: [{ expr: `max by (pod) (process_resident_memory_bytes{${pods}})`, legend: '{{pod}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Processor',
        description: 'Cores in use, by pod.',
        unit: 'none',
        queries: [{ expr: `max by (pod) (rate(process_cpu_seconds_total{${pods}}[$__rate_interval]))`, legend: '{{pod}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Goroutines',
        description: 'By pod. A line that only rises is a leak.',
        unit: 'short',
        queries: [{ expr: `max by (pod) (go_goroutines{${pods}})`, legend: '{{pod}}' }],
      }),
    );
}
