/**
 * Opens the key rings `FOLDER/0`, `FOLDER/1` ... at given times, so that several of these processes
 * do so at once: `Opener.ts FOLDER COUNT FIRST-AT EVERY-MS`. Says what it found in each.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as KeyRing from "../../src/vault/KeyRing.ts";

const [folder = "", count = "0", firstAt = "0", everyMs = "0"] = process.argv.slice(2);
for (let n = 0; n < Number(count); n++) {
  const at = Number(firstAt) + n * Number(everyMs);
  while (Date.now() < at);
  const { derive, routing } = KeyRing.make(join(folder, `${n}`, "keys"));
  const keys = [routing.current, derive("call")].map((key) => Buffer.from(key).toString("hex"));
  writeSync(1, `${n} ${keys.join(" ")}\n`);
}
