import { graph, list, number, perSecond, quantiles, row, runbooks, told } from './panels';
import { here, ofMerchant, page } from './page';

const budget = (record: string) =>
  `1 - sum(avg_over_time(namespace:settlehook_${record}:rate5m{${here}}[30d]))`;

export const overview = () =>
  page('overview', 'Overview', 'Is money told of, in time, and does anything need somebody?')
    .withRow(row('Objectives'))
    .withPanel(
      number({
        title: 'Pushes answered success, 30 days',
        description: 'Objective: 99.9 % of the valid pushes. What fails is pushed again, eight times at most.',
        unit: 'percentunit', decimals: 3, least: 0.999,
        expr: `${budget('pushes_unanswered')} / sum(avg_over_time(namespace:settlehook_pushes_valid:rate5m{${here}}[30d]))`,
      }),
    )
    .withPanel(
      number({
        title: 'Decided within 60 s, 30 days',
        description: 'Objective: 99 % of the callbacks, from when the order API could have agreed.',
        unit: 'percentunit', decimals: 2, least: 0.99,
        expr: `${budget('callbacks_decided_late')} / sum(avg_over_time(namespace:settlehook_callbacks_decided:rate5m{${here}}[30d]))`,
      }),
    )
    .withPanel(
      number({
        title: 'Open reviews',
        description: 'Orders that a person has to decide about; nothing settles until then.',
        unit: 'short', most: 1,
        expr: `sum(max by (namespace, merchant) (settlehook_reviews_open{${ofMerchant}}))`,
      }),
    )
    .withPanel(
      number({
        title: 'Parked callbacks',
        description: 'Callbacks that were given up on. Nothing is told of their orders until somebody redrives them.',
        unit: 'short', most: 1,
        expr: `sum(max by (namespace, merchant) (settlehook_parked_messages{${ofMerchant}}))`,
      }),
    )
    .withPanel(
      number({
        title: 'Gateways that do not answer',
        description: 'Merchants whose order API is left alone after failures. Nothing of theirs settles meanwhile.',
        unit: 'short', most: 1,
        expr: `sum(max by (namespace, merchant) (settlehook_gateway_unavailable{${ofMerchant}}))`,
      }),
    )
    .withPanel(
      number({
        title: 'Age of these gauges',
        description: 'When a sweeper last took backlog, parked, reviews, streams and balances. Old: they say nothing.',
        unit: 's', most: 300,
        expr: `time() - max(settlehook_survey_timestamp_seconds{${here}})`,
      }),
    )
    .withPanel(
      graph({
        title: 'How fast the error budgets burn',
        description: '1 uses up the budget of 30 days in 30 days. From 14.4 over an hour on somebody is woken.',
        unit: 'none', width: 12,
        queries: [
          { expr: `namespace:settlehook_pushes_unanswered:ratio_rate1h{${here}} / 0.001`, legend: 'pushes not answered success' },
          { expr: `namespace:settlehook_callbacks_decided_late:ratio_rate1h{${here}} / 0.01`, legend: 'callbacks decided late' },
        ],
      }),
    )
    .withPanel(
      list({
        title: 'Alerts that fire',
        description: 'Each links to its runbook.',
        unit: 'none',
        expr: `ALERTS{alertname=~"Settlehook.*", alertstate="firing", ${here}}`,
        columns: { alertname: 'Alert', severity: 'Severity', merchant: 'Merchant', stream: 'Stream', server: 'Server' },
        links: { alertname: `${runbooks}/\${__value.raw}.md` },
      }),
    )
    .withRow(row('What flows'))
    .withPanel(
      graph({
        title: 'Pushes by result',
        description: 'accepted: answered success. unavailable: not stored, and pushed again by the gateway.',
        unit: 'reqps', stacked: true,
        queries: [perSecond('settlehook_callbacks_total', ofMerchant, 'result')],
      }),
    )
    .withPanel(
      graph({
        title: 'Events by outcome',
        description: 'What downstream is told. via sweep: found without a callback.',
        unit: 'ops', stacked: true,
        queries: [perSecond('settlehook_events_total', ofMerchant, 'outcome', 'via')],
      }),
    )
    .withPanel(
      graph({
        title: 'Delay of decisions',
        description: 'From when the order API could first have agreed to the decision. The objective is 60 s.',
        unit: 's', exemplars: true,
        queries: quantiles('settlehook_decision_delay_seconds', ofMerchant),
      }),
    )
    .withPanel(
      graph({
        title: 'Callbacks that wait',
        description: 'Not through yet: waiting, or in work.',
        unit: 'short',
        queries: [told('settlehook_callbacks_pending', ofMerchant, 'merchant')],
      }),
    )
    .withPanel(
      graph({
        title: 'Age of the oldest callback',
        description: 'Above 15 minutes somebody is woken, unless the gateway is known to be down.',
        unit: 's',
        queries: [told('settlehook_callbacks_oldest_age_seconds', ofMerchant, 'merchant')],
      }),
    )
    .withPanel(
      graph({
        title: 'Oldest open review',
        description: 'How long an order has waited for a person.',
        unit: 's',
        queries: [told('settlehook_reviews_oldest_age_seconds', ofMerchant, 'merchant')],
      }),
    )
    .withRow(row('What it stands on'))
    .withPanel(
      graph({
        title: 'How full the streams are',
        description: 'A stream that is full refuses. From 80 % on a ticket is opened.',
        unit: 'percentunit', max: 1,
        queries: [told('settlehook_stream_full_ratio', here, 'stream')],
      }),
    )
    .withPanel(
      graph({
        title: 'Copies of the streams that are missing',
        description: 'Declared copies that are not there or not current. 0 is right.',
        unit: 'short',
        queries: [
          {
            expr: `max by (stream) (settlehook_stream_replicas_declared{${here}}) - max by (stream) (settlehook_stream_replicas{${here}})`,
            legend: '{{stream}}',
          },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Programs that can be scraped',
        description: 'By component. Workers may be none while nothing waits; receivers and sweepers never.',
        unit: 'short',
        queries: [{ expr: `sum by (component) (up{component=~"receiver|worker|sweeper", ${here}})`, legend: '{{component}}' }],
      }),
    )
    .withPanel(
      list({
        title: 'Versions',
        description: 'More than one of a program: a rollout is going on, or has stopped half way.',
        unit: 'short',
        expr: `count by (program, version) (settlehook_build_info{${here}})`,
        columns: { program: 'Program', version: 'Version' }, value: 'Processes',
      }),
    );
