// A small, complete downstream service: it books settled and reversed money once,
// in the order in which settlehook said it. It is examples/subscriber in
// JavaScript; their journals have the same lines.
//
//	npm ci && npm start -- --sandbox
//
// Two things make it safe to copy. The durable consumer remembers how far this
// service has read, and the journal remembers which events are booked: an event
// comes at least once, its id is the same each time, and what is booked already is
// only acknowledged.

import { parseArgs } from "node:util";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";
import { ContractError, decode } from "./event.js";
import { Journal } from "./journal.js";

const stream = "PAYMENTS";

const durable = {
  durable_name: "bookkeeping-node",
  // The final outcomes; reviews are for people.
  filter_subjects: ["payments.v1.settled.>", "payments.v1.failed.>", "payments.v1.reversed.>", "payments.v1.expired.>"],
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(5_000), // a booking takes milliseconds: what a crash had in hand comes again soon
  max_deliver: -1, // the server never gives an event up
  // One at a time keeps the order of the stream even over redeliveries: a reversed
  // event never comes before its settled one.
  max_ack_pending: 1,
};

const usage = `Usage: node main.js [flags]

  --nats URL      NATS servers, comma-separated (NATS_URL, else nats://127.0.0.1:4222)
  --inbox PREFIX  where answers come to, as the user's permissions say (NATS_INBOX_PREFIX, else _INBOX)
  --journal FILE  file the bookings are written to (journal.jsonl)
  --sandbox       book events of the sandbox, which no real money stands behind
  --help          print this`;

function flags() {
  return parseArgs({
    options: {
      nats: { type: "string", default: process.env.NATS_URL || "nats://127.0.0.1:4222" },
      inbox: { type: "string", default: process.env.NATS_INBOX_PREFIX || "_INBOX" },
      journal: { type: "string", default: "journal.jsonl" },
      sandbox: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  }).values;
}

/** The options of a connection that is tried again for ever. */
function connection(urls, inboxPrefix) {
  const servers = urls.split(",").map((url) => new URL(url.includes("://") ? url : `nats://${url}`));
  return {
    servers: servers.map((url) => url.host),
    // The library takes user and password beside the addresses.
    user: decodeURIComponent(servers[0].username) || undefined,
    pass: decodeURIComponent(servers[0].password) || undefined,
    tls: servers[0].protocol === "tls:" ? {} : undefined,
    name: "subscriber-node",
    inboxPrefix,
    maxReconnectAttempts: -1,
  };
}

/** Writes the booking unless it is written already. */
async function book(journal, { id, data }) {
  // Direction says which way the balance at the gateway moves; a reversal books the
  // opposite of what its settled event booked, beside it. An absent net is unknown,
  // never zero.
  const isNew = await journal.book({
    id, day: data.bookingDate, merchant: data.merchant, order: data.orderId,
    direction: data.direction, amount: data.amount, net: data.net, currency: data.currency,
  });
  if (isNew) {
    console.log("booked", id, data.direction, data.amount, data.currency);
  }
}

/** Returns once the event needs nothing more from this service. */
async function handle(journal, sandbox, message) {
  const { event, outcome } = decode(message.data);
  if (outcome === undefined) {
    console.log("skipped, of a newer settlehook:", event.id, event.type);
    return;
  }
  if (!event.data.livemode && !sandbox) {
    console.log("skipped, no real money:", event.id);
    return;
  }
  if (outcome === "settled" || outcome === "reversed") {
    await book(journal, event);
  }
  // Failed and expired move no money: the order may be released.
}

/** Books until it is told to stop, or can't go on. */
async function consume(nc, journal, sandbox) {
  // Asking for the account's limits first would take a permission more.
  const manager = await jetstreamManager(nc, { checkAPI: false });
  // Made if it is not there; refused if there is another of this name.
  await manager.consumers.add(stream, durable);
  const consumer = await jetstream(nc).consumers.get(stream, durable.durable_name);
  const messages = await consumer.consume({ max_messages: 1, expires: 5_000 });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => messages.stop());
  }
  for await (const message of messages) {
    try {
      await handle(journal, sandbox, message);
    } catch (err) {
      // The event is not acknowledged: it comes again once somebody has looked at
      // what broke the contract, or at the journal.
      throw err instanceof ContractError ? new Error(`${message.subject}: ${err.message}`) : err;
    }
    message.ack(); // should it get lost, the event comes again, and is known
  }
}

async function run({ nats, inbox, journal: path, sandbox }) {
  const journal = await Journal.open(path);
  try {
    const nc = await connect(connection(nats, inbox));
    try {
      await consume(nc, journal, sandbox);
    } finally {
      if (!nc.isClosed()) {
        await nc.drain(); // the last acknowledgement leaves
      }
    }
    const err = await nc.closed();
    if (err) {
      throw err;
    }
  } finally {
    await journal.close();
  }
}

async function main() {
  let given;
  try {
    given = flags();
  } catch (err) {
    console.error(`subscriber: ${err.message}\n\n${usage}`);
    return 2;
  }
  if (given.help) {
    console.log(usage);
    return 0;
  }
  try {
    await run(given);
    return 0;
  } catch (err) {
    console.error("subscriber:", err.message);
    return 1;
  }
}

process.exitCode = await main();
