import { graph, perSecond, quantiles, row } from './panels';
import { here, ofMerchant, page } from './page';
import { resources } from './resources';

// What no merchant is known of counts as _unknown, which is none of the choices.
const withUnknown = `${here}, merchant=~"$merchant|_unknown"`;

export const receiver = () =>
  resources(
    page('receiver', 'Receiver', 'What the gateways push, what is refused and why, and how much room is left.')
      .withRow(row('Pushes'))
      .withPanel(
        graph({
          title: 'Accepted by merchant',
          description: 'Answered success, and stored. A line that stops while others go on is a gateway that does not push.',
          unit: 'reqps',
          queries: [perSecond('settlehook_callbacks_total', `${ofMerchant}, result="accepted"`, 'merchant', 'flow')],
        }),
      )
      .withPanel(
        graph({
          title: 'Not accepted, by reason',
          description: 'refused: the fault is the sender\'s. limited: over a limit. unavailable: not stored, ours.',
          unit: 'reqps',
          queries: [perSecond('settlehook_callbacks_total', `${withUnknown}, result!="accepted"`, 'result', 'reason')],
        }),
      )
      .withPanel(
        graph({
          title: 'Time from receipt to PubAck',
          description: 'Of accepted callbacks. The gateway waits for it; some wait no longer than 5 s.',
          unit: 's', exemplars: true,
          queries: quantiles('settlehook_callback_acceptance_duration_seconds', here),
        }),
      )
      .withRow(row('Signatures'))
      .withPanel(
        graph({
          title: 'Wrong signatures by merchant',
          description: 'One merchant, and most of its pushes: a key is wrong. Many merchants: an attack.',
          unit: 'reqps',
          queries: [perSecond('settlehook_callbacks_total', `${ofMerchant}, reason="bad-signature"`, 'merchant')],
        }),
      )
      .withPanel(
        graph({
          title: 'Accepted by key',
          description: 'Which key gave the signature. A key that no longer rises can be taken out.',
          unit: 'reqps',
          queries: [perSecond('settlehook_callback_keys_total', ofMerchant, 'merchant', 'key_id')],
        }),
      )
      .withPanel(
        graph({
          title: 'Accepted by dialect',
          description: 'Callbacks whose body or signed text departs from the plain form.',
          unit: 'reqps',
          queries: [perSecond('settlehook_callback_dialects_total', ofMerchant, 'merchant', 'dialect')],
        }),
      )
      .withPanel(
        graph({
          title: 'Evidence of refused callbacks',
          description: 'kept: can be redriven. over-budget and failed: refused and gone.',
          unit: 'reqps', width: 12,
          queries: [perSecond('settlehook_quarantine_total', here, 'class', 'fate')],
        }),
      )
      .withPanel(
        graph({
          title: 'What lies in QUARANTINE',
          description: 'By class: signature, malformed or unknown.',
          unit: 'short', width: 12,
          queries: [
            {
              expr: `sum by (class) (max by (namespace, class, merchant) (settlehook_quarantine_messages{${withUnknown}}))`,
              legend: '{{class}}',
            },
          ],
        }),
      )
      .withRow(row('Room'))
      .withPanel(
        graph({
          title: 'Requests that take up room',
          description: 'reading: at most HTTP_MAX_READING a receiver. storing: at most HTTP_MAX_IN_FLIGHT.',
          unit: 'short',
          queries: [{ expr: `max by (stage) (settlehook_requests_in_flight{${here}})`, legend: '{{stage}}' }],
        }),
      )
      .withPanel(
        graph({
          title: 'Open connections',
          description: 'By receiver; at most HTTP_MAX_CONNECTIONS.',
          unit: 'short',
          queries: [{ expr: `max by (pod) (settlehook_connections{${here}})`, legend: '{{pod}}' }],
        }),
      )
      .withPanel(
        graph({
          title: 'Connections closed in defence',
          description: 'By reason. gave-way: all were taken, and a newcomer got the place.',
          unit: 'ops',
          queries: [perSecond('settlehook_connections_closed_total', here, 'reason')],
        }),
      ),
    'receiver',
  );
