// What all dashboards have in common: variables, links and time.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

import { runbooks } from './panels';

/** What every query selects by. */
export const here = 'namespace=~"$namespace"';
export const ofMerchant = `${here}, merchant=~"$merchant"`;

const tag = 'settlehook';

const source = { type: 'prometheus', uid: '${datasource}' };

function choice(name: string, label: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(source)
    .query(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: 'All', value: '$__all' });
}

export function page(name: string, title: string, description: string): dashboard.DashboardBuilder {
  return new dashboard.DashboardBuilder(`settlehook / ${title}`)
    .uid(`settlehook-${name}`)
    .description(description)
    .tags([tag])
    .readonly()
    .timezone('browser')
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder('settlehook')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags([tag])
        .includeVars(true)
        .keepTime(true),
    )
    .link(
      new dashboard.DashboardLinkBuilder('Runbooks')
        .type(dashboard.DashboardLinkType.Link)
        .icon('doc')
        .tooltip('What each alert means and what to do')
        .url(runbooks)
        .targetBlank(true),
    )
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(choice('namespace', 'Namespace', 'label_values(settlehook_build_info, namespace)'))
    .withVariable(choice('merchant', 'Merchant', `label_values(settlehook_gateway_unavailable{${here}}, merchant)`));
}
