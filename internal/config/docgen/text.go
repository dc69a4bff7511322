package main

const preamble = `
# Configuration

<!-- Generated from internal/config by "go generate ./internal/config". Do not edit. -->

Programs are configured by environment variables, merchants by a file. A program that finds anything missing, unreadable or contradictory does not start: it prints one line for each fault, naming the variable or file:line and saying what to do.

A variable that is set to nothing counts as unset. Durations are written like ` + "`250ms`, `30s`, `1h30m` or `45d`" + `, sizes like ` + "`512MiB` or `4GiB`" + `. Values that carry a secret are never printed or logged.
`

// example is a whole merchants file; a test reads it.
const example = `merchants:
  - id: m1001
    account: "8801"
    currency: INR
    region: india
    timezone: Asia/Kolkata
    gateway: https://gateway.example
    rate: 10
    match: {collect: if-known, pay: required}
    keys:
      - {id: "2026-05", secretFile: keys/m1001-2026-05}
      - {id: "2026-11", secretFile: keys/m1001-2026-11, signing: true}
    payFee: added
    allowFrom: [203.0.113.0/24]
  - id: m1002
    currency: BRL
    region: brazil
    timezone: America/Sao_Paulo
    gateway: https://gateway.example
    rate: 2.5
    keys:
      - {id: only, secretFile: keys/m1002}
    reverse: trust-signed
    dialects: [reverse-numeric]
    notFound: ["no such order", "/order .* not found/"]
    pixRandomKey: EVP
`

const closing = `### Changing the file

The file and the secret files it names are followed while the programs run. A change counts once it has rested for a quarter of a second, so that a file caught half written is not taken for a shorter one; put a new file in place by renaming, or as a Kubernetes secret or config map. A faulty file is refused with its faults in the log, the merchants stay as they were, and the program reports the file as stale until it is good again.

To rotate a key, add the new one in front (the last key signs), wait until the gateway signs with it, move it to the end or mark it ` + "`signing: true`" + `, and remove the old one when no callback is signed with it any more.
`
