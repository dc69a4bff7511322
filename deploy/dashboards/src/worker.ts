import { graph, perSecond, quantiles, row, told } from './panels';
import { here, ofMerchant, page } from './page';
import { resources } from './resources';

export const worker = () =>
  resources(
    page('worker', 'Worker', 'What becomes of callbacks and orders, and what deciding them waits for.')
      .withRow(row('Decisions'))
      .withPanel(
        graph({
          title: 'Decisions by verdict',
          description: 'emit: told. review: a person decides. retry: asked again. ignore: nothing new.',
          unit: 'ops', stacked: true,
          queries: [perSecond('settlehook_decisions_total', ofMerchant, 'verdict', 'via')],
        }),
      )
      .withPanel(
        graph({
          title: 'Reviews and retries by reason',
          description: 'The reasons are those of docs/decisions.md.',
          unit: 'ops',
          queries: [perSecond('settlehook_decisions_total', `${ofMerchant}, verdict=~"review|retry"`, 'verdict', 'reason')],
        }),
      )
      .withPanel(
        graph({
          title: 'Deliveries by what became of them',
          description: 'ack: ended. redeliver: comes again. park: given up on.',
          unit: 'ops',
          queries: [perSecond('settlehook_deliveries_total', ofMerchant, 'disposition', 'cause')],
        }),
      )
      .withPanel(
        graph({
          title: 'Time from receipt to event',
          description: 'All of it, the gateway\'s own delay included.',
          unit: 's', exemplars: true,
          queries: quantiles('settlehook_event_latency_seconds', ofMerchant),
        }),
      )
      .withPanel(
        graph({
          title: 'Delay of decisions by merchant, p99',
          description: 'From when the order API could first have agreed to the decision. The objective is 60 s.',
          unit: 's', exemplars: true,
          queries: quantiles('settlehook_decision_delay_seconds', ofMerchant, ['merchant']).slice(2),
        }),
      )
      .withPanel(
        graph({
          title: 'Work on one delivery',
          description: 'Claim, query, decide and tell. CLAIM_LEASE is the longest.',
          unit: 's', exemplars: true,
          queries: quantiles('settlehook_delivery_duration_seconds', ofMerchant),
        }),
      )
      .withRow(row('Order API'))
      .withPanel(
        graph({
          title: 'Order queries by result',
          description: 'rate and breaker_open: not asked. refused, anomaly, transport, bad_answer: no answer that can be used.',
          unit: 'reqps',
          queries: [perSecond('settlehook_order_queries_total', ofMerchant, 'result')],
        }),
      )
      .withPanel(
        graph({
          title: 'Time the gateway takes to answer, p99',
          description: 'By merchant. QUERY_TIMEOUT is the longest.',
          unit: 's', exemplars: true,
          queries: quantiles('settlehook_order_query_duration_seconds', ofMerchant, ['merchant']).slice(2),
        }),
      )
      .withPanel(
        graph({
          title: 'Share of the query rate in use',
          description: 'Of the rate in the merchants file. At 100 % more workers do not help.',
          unit: 'percentunit',
          queries: [
            {
              expr: `sum by (merchant) (rate(settlehook_order_queries_total{${ofMerchant}, result!~"rate|breaker_open"}[$__rate_interval])) / max by (merchant) (settlehook_order_query_rate_limit{${ofMerchant}})`,
              legend: '{{merchant}}',
            },
          ],
        }),
      )
      .withPanel(
        graph({
          title: 'Wait for a turn in the query rate',
          description: 'How long the last question waited. Longer than RATE_WAIT_MAX: the callback is put back.',
          unit: 's',
          queries: [told('settlehook_order_query_wait_seconds', ofMerchant, 'merchant')],
        }),
      )
      .withPanel(
        graph({
          title: 'Gateways that do not answer',
          description: '1 while a worker leaves a merchant\'s gateway alone after failures.',
          unit: 'short', max: 1,
          queries: [told('settlehook_gateway_unavailable', ofMerchant, 'merchant')],
        }),
      )
      .withPanel(
        graph({
          title: 'Callbacks that wait',
          description: 'Not through yet: waiting, or in work. KEDA scales the workers by it.',
          unit: 'short',
          queries: [told('settlehook_callbacks_pending', ofMerchant, 'merchant')],
        }),
      )
      .withRow(row('Sweep'))
      .withPanel(
        graph({
          title: 'Turns by what became of them',
          description: 'told, withdrawn, superseded, overtaken: nothing to ask. unavailable: the turn comes later.',
          unit: 'ops',
          queries: [perSecond('settlehook_sweep_turns_total', ofMerchant, 'disposition', 'cause')],
        }),
      )
      .withPanel(
        graph({
          title: 'Orders whose turn is still to come',
          description: 'By tier. One that only grows: the rate leaves the sweep too little.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (tier) (max by (namespace, merchant, tier) (settlehook_sweep_pending{${ofMerchant}}))`,
              legend: '{{tier}}',
            },
          ],
        }),
      )
      .withPanel(
        graph({
          title: 'Settled without a callback',
          description: 'Share of the settled events that the sweep found, over an hour.',
          unit: 'percentunit', max: 1,
          queries: [
            {
              expr: `sum by (merchant) (increase(settlehook_events_total{${ofMerchant}, outcome="settled", via="sweep"}[1h])) / sum by (merchant) (increase(settlehook_events_total{${ofMerchant}, outcome="settled"}[1h]))`,
              legend: '{{merchant}}',
            },
          ],
        }),
      )
      .withRow(row('Redis and NATS'))
      .withPanel(
        graph({
          title: 'Claims by what they found',
          description: 'owned: worked on. held: by another. done: a repetition, no query. unguarded: without Redis.',
          unit: 'ops',
          queries: [perSecond('settlehook_claims_total', ofMerchant, 'state')],
        }),
      )
      .withPanel(
        graph({
          title: 'Redis errors by operation',
          description: 'They cost queries, never an event.',
          unit: 'ops',
          queries: [perSecond('settlehook_redis_errors_total', here, 'operation')],
        }),
      )
      .withPanel(
        graph({
          title: 'Copies that are behind',
          description: 'Operations by which a server\'s copy of a stream is behind the leader.',
          unit: 'short',
          queries: [told('settlehook_stream_copy_lag', here, 'stream', 'server')],
        }),
      )
      .withPanel(
        graph({
          title: 'What NATS made us do',
          description: 'Callbacks purged since CALLBACKS was full, consumers moved away from a server that lacks messages, looks that TRAIL did not take.',
          unit: 'short', width: 12,
          queries: [
            { expr: `sum(increase(settlehook_callbacks_purged_total{${here}}[$__rate_interval]))`, legend: 'callbacks purged' },
            { expr: `sum(increase(settlehook_consumers_moved_total{${here}}[$__rate_interval]))`, legend: 'consumers moved' },
            { expr: `sum(increase(settlehook_trail_dropped_total{${here}}[$__rate_interval]))`, legend: 'looks dropped' },
          ],
        }),
      )
      .withPanel(
        graph({
          title: 'Clocks ahead of the NATS servers',
          description: 'By pod. Booking dates come from the workers\' clocks.',
          unit: 's', width: 12,
          queries: [{ expr: `max by (pod) (abs(settlehook_clock_skew_seconds{${here}}))`, legend: '{{pod}}' }],
        }),
      ),
    'worker|sweeper',
  );
