/** CPU time to read an 828-octet INVITE into what a dialog needs. Prints one JSON line. */
import process from "node:process";
import * as Message from "../../src/sip/Message.ts";
import * as Parser from "../../src/sip/Parser.ts";
import * as Text from "../../src/kernel/Text.ts";

const body = [
  "v=0",
  "o=- 2890844526 2890844526 IN IP4 192.0.2.101",
  "s=-",
  "c=IN IP4 192.0.2.101",
  "t=0 0",
  "m=audio 49172 RTP/AVP 0 8 101",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-15",
  "a=sendrecv",
  "",
].join("\r\n");

const invite = [
  "INVITE sip:bob@biloxi.example.com SIP/2.0",
  "Via: SIP/2.0/UDP 192.0.2.101:5060;rport;branch=z9hG4bKPj2f1b7a40c8e44d6",
  "Max-Forwards: 70",
  'From: "Alice Miller" <sip:alice@atlanta.example.com>;tag=9fxced76sl',
  "To: <sip:bob@biloxi.example.com>",
  "Contact: <sip:alice@192.0.2.101:5060;ob>",
  "Call-ID: 3848276298220188511@atlanta.example.com",
  "CSeq: 20174 INVITE",
  "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, MESSAGE",
  "Supported: replaces, 100rel, timer, norefersub",
  "User-Agent: Desk Phone 7.1.2.65",
  "Allow-Events: presence, message-summary, refer",
  "Content-Type: application/sdp",
  `Content-Length: ${body.length}`,
  "",
  body,
].join("\r\n");

const octets = Text.toBytes(invite);
const first = Parser.parse(octets);
if (octets.length !== 828 || first.kind !== "request" || first.body !== body) {
  throw new Error(`not the message that the name promises: ${octets.length} octets, ${first.kind}`);
}

const perRun = 50_000;

const parse = (): number => {
  let checked = 0;
  for (let i = 0; i < perRun; i++) {
    const parsed = Parser.parse(octets) as Message.Request;
    checked += parsed.cseq + parsed.from.tag!.length + parsed.via.branch!.length;
  }
  return checked;
};

/** The same work without the parser: what the loop and the clock cost. */
const nothing = (): number => {
  let checked = 0;
  for (let i = 0; i < perRun; i++) checked += octets[i % octets.length]!;
  return checked;
};

const timed = (work: () => number): number => {
  const begin = performance.now();
  if (work() < 0) throw new Error("the compiler must not drop the work");
  return (performance.now() - begin) * 1_000 / perRun;
};

const runs: Array<number> = [];
for (let run = 0; run < 24; run++) {
  const idle = timed(nothing);
  const cost = timed(parse) - idle;
  // The first runs are the compiler's.
  if (run >= 4) runs.push(cost);
}
runs.sort((a, b) => a - b);
const at = (part: number): number => runs[Math.round(part * (runs.length - 1))]!;
const rounded = (us: number): number => Math.round(us * 1_000) / 1_000;
process.stdout.write(
  JSON.stringify({
    name: "parse_invite_828",
    value: rounded(at(0.5)),
    unit: "us",
    spread: rounded(at(0.9) - at(0.1)),
  }) + "\n",
);
