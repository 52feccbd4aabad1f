// Reads cases, a line of JSON each, and answers each with a line: whether the webhook is taken.
//
// `v1` by the package `standardwebhooks`; `v1a` by Node's own crypto, from the specification alone: ed25519 over
// `<webhook-id>.<webhook-timestamp>.<body>`, the public key as `whpk_` and base64, a time within five minutes.
import { createPublicKey, verify } from "node:crypto";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

const TOLERANCE_SECONDS = 300;
// What stands before the 32 bytes of an ed25519 public key in its DER form (RFC 8410).
const ED25519_DER = Buffer.from("302a300506032b6570032100", "hex");

function takenSymmetric({ key, headers, body }) {
  try {
    new Webhook(key).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function takenAsymmetric({ key, headers, body }) {
  const stamp = Number(headers["webhook-timestamp"]);
  if (!(Math.abs(Date.now() / 1000 - stamp) <= TOLERANCE_SECONDS)) return false;
  const raw = Buffer.from(key.replace(/^whpk_/, ""), "base64");
  const publicKey = createPublicKey({ key: Buffer.concat([ED25519_DER, raw]), format: "der", type: "spki" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`, "utf8");
  return headers["webhook-signature"].split(" ").some((part) => {
    const [version, signature] = part.split(",", 2);
    return version === "v1a" && verify(null, signed, publicKey, Buffer.from(signature, "base64"));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line);
  const taken = given.key.startsWith("whpk_") ? takenAsymmetric(given) : takenSymmetric(given);
  process.stdout.write(`${JSON.stringify(taken)}\n`);
}
