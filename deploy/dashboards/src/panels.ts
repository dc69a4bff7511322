// The panels all dashboards are made of. A panel has a title in plain words, a
// sentence that says what it means, and a unit; the tests of deploy/monitoring
// refuse one that has not.
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

export const runbooks = 'https://github.com/settlehook/settlehook/blob/main/docs/runbooks';

const source = { type: 'prometheus', uid: '${datasource}' };

// The width of a row in Grafana's grid, and how high panels are in it.
const wholeRow = 24;
const height = 8;

export interface Query {
  expr: string;
  legend: string;
}

interface Words {
  title: string;
  description: string;
  unit: string;
}

export interface Graph extends Words {
  queries: Query[];
  width?: number;
  stacked?: boolean;
  /** Whether slow ones link to their trace. */
  exemplars?: boolean;
  max?: number;
}

const target = (q: Query) =>
  new prometheus.DataqueryBuilder().datasource(source).expr(q.expr).legendFormat(q.legend);

export function graph(g: Graph): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(g.title)
    .description(g.description)
    .unit(g.unit)
    .datasource(source)
    .height(height)
    .span(g.width ?? wholeRow / 3)
    .min(0)
    .fillOpacity(g.stacked ? 30 : 5)
    .lineWidth(1)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending));
  if (g.stacked) {
    panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  }
  if (g.max !== undefined) {
    panel.max(g.max);
  }
  for (const [i, q] of g.queries.entries()) {
    panel.withTarget(target(q).refId(String.fromCharCode(65 + i)).range().exemplar(g.exemplars ?? false));
  }
  return panel;
}

export interface Number extends Words {
  expr: string;
  /** Below it the number is red. */
  least?: number;
  /** From it on the number is red. */
  most?: number;
  decimals?: number;
  width?: number;
}

export function number(n: Number): stat.PanelBuilder {
  const [low, high] = n.least !== undefined ? ['red', 'green'] : ['green', 'red'];
  const edge = n.least ?? n.most;
  const steps: dashboard.Threshold[] = [{ value: null, color: edge === undefined ? 'text' : low }];
  if (edge !== undefined) {
    steps.push({ value: edge, color: high });
  }
  const panel = new stat.PanelBuilder()
    .title(n.title)
    .description(n.description)
    .unit(n.unit)
    .datasource(source)
    .height(height / 2)
    .span(n.width ?? wholeRow / 6)
    .thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps))
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(target({ expr: n.expr, legend: '' }).refId('A').instant());
  if (n.decimals !== undefined) {
    panel.decimals(n.decimals);
  }
  return panel;
}

export interface List extends Words {
  expr: string;
  /** The labels that are shown, with their titles, in this order. */
  columns: Record<string, string>;
  /** The title of the value's column; without it the value is left out. */
  value?: string;
  links?: Record<string, string>;
  width?: number;
}

export function list(l: List): table.PanelBuilder {
  const shown = Object.keys(l.columns);
  const panel = new table.PanelBuilder()
    .title(l.title)
    .description(l.description)
    .unit(l.unit)
    .datasource(source)
    .height(height)
    .span(l.width ?? wholeRow / 2)
    .withTarget(target({ expr: l.expr, legend: '' }).refId('A').instant().format(prometheus.PromQueryFormat.Table))
    .withTransformation({
      id: 'filterFieldsByName',
      options: { include: { names: l.value === undefined ? shown : [...shown, 'Value'] } },
    })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries([...shown, 'Value'].map((name, i) => [name, i])),
        renameByName: { ...l.columns, Value: l.value ?? 'Value' },
      },
    });
  for (const [label, url] of Object.entries(l.links ?? {})) {
    panel.overrideByName(l.columns[label] ?? label, [{ id: 'links', value: [{ title: 'Runbook', url, targetBlank: true }] }]);
  }
  return panel;
}

/** Quantiles of a histogram, one line each. */
export function quantiles(metric: string, selector: string, by: string[] = []): Query[] {
  const grouping = ['le', ...by].join(', ');
  const suffix = by.map((label) => ` {{${label}}}`).join('');
  return [0.5, 0.95, 0.99].map((q) => ({
    expr: `histogram_quantile(${q}, sum by (${grouping}) (rate(${metric}_bucket{${selector}}[$__rate_interval])))`,
    legend: `p${q * 100}${suffix}`,
  }));
}

/** A rate per second, by some labels. */
export function perSecond(metric: string, selector: string, ...by: string[]): Query {
  return {
    expr: `sum by (${by.join(', ')}) (rate(${metric}{${selector}}[$__rate_interval]))`,
    legend: by.map((label) => `{{${label}}}`).join(' '),
  };
}

/**
 * A gauge of the fleet, which every sweeper tells: the largest, so that two of
 * them do not count double.
 */
export function told(metric: string, selector: string, ...by: string[]): Query {
  return {
    expr: `max by (${by.join(', ')}) (${metric}{${selector}})`,
    legend: by.map((label) => `{{${label}}}`).join(' '),
  };
}

export const row = (title: string) => new dashboard.RowBuilder(title);
