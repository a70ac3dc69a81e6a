/** CPU of reading, rewriting and writing a phone's offer of 17 lines: JSON lines, us each. */
import { Result } from "effect";
import * as Parse from "../../src/sdp/Parse.ts";
import * as Print from "../../src/sdp/Print.ts";
import * as Rewrite from "../../src/sdp/Rewrite.ts";
import { phoneBody } from "../sdp/Generate.ts";

const us = {
  origin: { username: "-", sessionId: "77", version: "3" },
  address: "198.51.100.7",
  port: (index: number) => 20_000 + 2 * index,
};

let characters = 0;
const once = () => {
  const session = Result.getOrThrow(Parse.parse(phoneBody));
  characters += Print.print(Rewrite.rewrite(session, us)).length;
};

/** Microseconds of CPU for one call, over `count` of them. */
const measure = (count: number): number => {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) once();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
};

measure(20_000);
const runs = Array.from({ length: 9 }, () => measure(20_000)).sort((a, b) => a - b);
const [least = 0, median = 0, most = 0] = [runs[0], runs[4], runs[8]];
if (characters === 0) throw new Error("nothing printed");
process.stdout.write(
  JSON.stringify({
    name: "sdp_parse_rewrite_print",
    value: Number(median.toFixed(2)),
    unit: "us",
    spread: Number((most - least).toFixed(2)),
  }) + "\n",
);
