// What this service knows of docs/events.md. Fields that it has no use for are
// not looked at, and those it does not know are none of its business: types may
// grow.

const known = /^settlehook\.payment\.(settled|failed|reversed|expired)\.v1$/;

// Amounts are decimal strings. They stay strings here: a JavaScript number would
// round them. To calculate, take a decimal library, or BigInt over the smallest
// unit.
const decimal = /^\d{1,15}(\.\d{1,4})?$/;

/** Thrown for what breaks the contract. */
export class ContractError extends Error {}

/**
 * Reads an event, and says whether its type is one of those that this service
 * knows.
 */
export function decode(bytes) {
  let event;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (err) {
    throw new ContractError(`no JSON: ${err.message}`);
  }
  if (event?.specversion !== "1.0" || !isText(event.id) || !isText(event.type)) {
    throw new ContractError("no CloudEvent 1.0 with an id and a type");
  }
  const outcome = known.exec(event.type)?.[1];
  if (outcome !== undefined) {
    check(event.data, outcome);
  }
  return { event, outcome };
}

function check(data, outcome) {
  if (typeof data?.livemode !== "boolean") {
    throw new ContractError("livemode must be true or false");
  }
  if (outcome !== "settled" && outcome !== "reversed") {
    return; // no money moved
  }
  for (const name of ["merchant", "orderId", "currency", "bookingDate"]) {
    if (!isText(data[name])) {
      throw new ContractError(`${name} is missing`);
    }
  }
  if (data.direction !== "credit" && data.direction !== "debit") {
    throw new ContractError("direction must be credit or debit");
  }
  if (!isAmount(data.amount)) {
    throw new ContractError("amount must be a decimal string");
  }
  if (data.net !== undefined && !isAmount(data.net)) {
    throw new ContractError("net must be a decimal string, or absent");
  }
}

const isText = (value) => typeof value === "string" && value !== "";
const isAmount = (value) => typeof value === "string" && decimal.test(value);
