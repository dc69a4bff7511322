import { graph, list, row, told } from './panels';
import { ofMerchant, page } from './page';

// Amounts of different currencies are never added.
const amount = (outcome: string) =>
  `sum by (merchant, flow, currency) (increase(settlehook_events_amount_total{${ofMerchant}, outcome="${outcome}"}[$__range])) > 0`;

const columns = { merchant: 'Merchant', flow: 'Flow', currency: 'Currency' };

const looking = 'Floating point, for looking at: what is booked comes from the events.';

const overTime = (title: string, outcome: string, means: string) =>
  graph({
    title, description: `${means} Per hour, by currency. ${looking}`, unit: 'none',
    queries: [
      {
        expr: `sum by (merchant, flow, currency) (increase(settlehook_events_amount_total{${ofMerchant}, outcome="${outcome}"}[1h]))`,
        legend: '{{merchant}} {{flow}} {{currency}}',
      },
    ],
  });

const total = (title: string, outcome: string, means: string) =>
  list({
    title, description: `${means} In the time that is shown. ${looking}`, unit: 'none', width: 8,
    expr: amount(outcome), columns, value: 'Amount',
  });

const settled = 'What the gateway confirmed as paid.';
const failed = 'What the gateway confirmed as failed; the amount is the one it named.';
const reversed = 'What was settled and taken back.';

export const money = () =>
  page('money', 'Money', `What was settled, failed and reversed, by merchant and currency. ${looking}`)
    .withRow(row('In the time that is shown'))
    .withPanel(total('Settled', 'settled', settled))
    .withPanel(total('Failed', 'failed', failed))
    .withPanel(total('Reversed', 'reversed', reversed))
    .withRow(row('Over time'))
    .withPanel(overTime('Settled an hour', 'settled', settled))
    .withPanel(overTime('Failed an hour', 'failed', failed))
    .withPanel(overTime('Reversed an hour', 'reversed', reversed))
    .withPanel(
      graph({
        title: 'Events an hour',
        description: 'By outcome, reviews and their resolutions included.',
        unit: 'short', width: 12,
        queries: [
          {
            expr: `sum by (outcome, flow) (increase(settlehook_events_total{${ofMerchant}}[1h]))`,
            legend: '{{outcome}} {{flow}}',
          },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Share of the events that settle',
        description: 'Of settled and failed, by merchant and flow, over an hour. A fall is the gateway\'s or the payers\' doing.',
        unit: 'percentunit', width: 12, max: 1,
        queries: [
          {
            expr: `sum by (merchant, flow) (increase(settlehook_events_total{${ofMerchant}, outcome="settled"}[1h])) / sum by (merchant, flow) (increase(settlehook_events_total{${ofMerchant}, outcome=~"settled|failed"}[1h]))`,
            legend: '{{merchant}} {{flow}}',
          },
        ],
      }),
    )
    .withRow(row('At the gateway'))
    .withPanel(
      graph({
        title: 'Usable balance',
        description: 'What the gateway says can be paid out, and the minimum of the merchants file (balanceMinimum).',
        unit: 'none', width: 12,
        queries: [
          told('settlehook_merchant_balance', `${ofMerchant}, kind="usable"`, 'merchant', 'currency'),
          {
            expr: `max by (merchant, currency) (settlehook_merchant_balance_minimum{${ofMerchant}})`,
            legend: '{{merchant}} {{currency}} minimum',
          },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Balance with what is held back',
        description: 'All of the balance, also what can\'t be paid out yet.',
        unit: 'none',
        queries: [told('settlehook_merchant_balance', `${ofMerchant}, kind="all"`, 'merchant', 'currency')],
      }),
    )
    .withPanel(
      graph({
        title: 'Age of the balance',
        description: 'Since the gateway last told it. After an hour a ticket is opened.',
        unit: 's', width: 4,
        queries: [
          {
            expr: `time() - max by (merchant) (settlehook_merchant_balance_timestamp_seconds{${ofMerchant}})`,
            legend: '{{merchant}}',
          },
        ],
      }),
    );
