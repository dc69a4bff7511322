import { open } from "node:fs/promises";

/**
 * Journal is a file of bookings, each there once, a JSON object on each line. It
 * stands for the table of a real service, where the event id has a unique
 * constraint and is inserted in the transaction that books. One process may have
 * it open.
 */
export class Journal {
  #file;
  #booked = new Set(); // ids of events

  constructor(file) {
    this.#file = file;
  }

  /** Reads which events are booked. */
  static async open(path) {
    const journal = new Journal(await open(path, "a+", 0o600));
    await journal.#read();
    return journal;
  }

  /**
   * Leaves the file at the end of its last whole line: a crash may have cut the
   * line behind, whose event was never acknowledged and comes again.
   */
  async #read() {
    const bytes = await this.#file.readFile();
    const whole = bytes.lastIndexOf("\n") + 1;
    for (const line of bytes.toString("utf8", 0, whole).split("\n")) {
      if (line !== "") {
        this.#booked.add(JSON.parse(line).id);
      }
    }
    await this.#file.truncate(whole);
  }

  /**
   * Writes a booking unless its event is booked already, and returns whether it
   * was new, once it is on disk. After an error the journal is not usable: open it
   * again.
   */
  async book(booking) {
    if (this.#booked.has(booking.id)) {
      return false;
    }
    await this.#file.appendFile(JSON.stringify(booking) + "\n");
    await this.#file.sync();
    this.#booked.add(booking.id);
    return true;
  }

  async close() {
    await this.#file.close();
  }
}
