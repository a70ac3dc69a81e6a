/** What commands print for a person, against golden files: a change of them is seen in review. */
import { describe, expect, test } from "vitest";
import type { Change } from "../../schemas/Directory.ts";
import type { CallRow, CdrRow, MessageRow, RecordRow } from "../../schemas/rpc/Rows.ts";
import * as Text from "../../src/cli/Text.ts";

const at = Date.UTC(2026, 10, 24, 9, 30, 15, 250);

const live: CallRow = {
  call: "gmzdknzxgi3tcnrq",
  tenant: "demo",
  phase: "setup",
  caller: "1001",
  dialled: "1002",
  callee: null,
  startedAt: at,
  answeredAt: null,
  legs: 2,
};

const ended: CdrRow = {
  call: "gmzdknzxgi3tcnrq",
  tenant: "demo",
  caller: "1001",
  callee: "1002",
  dialled: "1002",
  startedAt: at,
  ringingAt: at + 12,
  answeredAt: at + 2_000,
  endedAt: at + 9_950,
  durationMs: 7_950,
  cause: "hangup",
  endedBy: "callee",
  status: 200,
  legs: 2,
};

const refused: CdrRow = {
  ...ended,
  call: "imnkvv4pkxknjqqi",
  callee: null,
  dialled: "1099",
  answeredAt: null,
  durationMs: 0,
  cause: "notFound",
  endedBy: "engine",
  status: 404,
};

const [ada, grace, other] = ["udp 127.0.0.1:38241", "udp 127.0.0.1:41662", "tcp [::1]:5070"];

const message = (
  afterMs: number,
  direction: MessageRow["direction"],
  peer: string,
  line: string,
  cseq: string,
): MessageRow => ({ at: at + afterMs, call: ended.call, edge: "e1", direction, peer, line, cseq });

const record = (afterMs: number, sequence: number, ...events: Array<string>): RecordRow => ({
  at: at + afterMs,
  sequence,
  epoch: 1,
  causation: "offer/x",
  events,
});

/** Two phones of 1002 ring; one answers, the other gets CANCEL. */
const messages = [
  message(0, "in", ada, "INVITE sip:1002@127.0.0.1", "7 INVITE"),
  message(3, "out", ada, "SIP/2.0 100 Trying", "7 INVITE"),
  message(3, "out", grace, "INVITE sip:1002-0x559e6883ec80@127.0.0.1:41662", "1 INVITE"),
  message(4, "out", other, "INVITE sip:1002@[::1]:5070;transport=tcp", "1 INVITE"),
  message(9, "in", grace, "SIP/2.0 180 Ringing", "1 INVITE"),
  message(13, "out", ada, "SIP/2.0 180 Ringing", "7 INVITE"),
  message(2_000, "in", grace, "SIP/2.0 200 OK", "1 INVITE"),
  message(2_002, "out", grace, "ACK sip:1002@127.0.0.1:41662", "1 ACK"),
  message(2_002, "out", other, "CANCEL sip:1002@[::1]:5070;transport=tcp", "1 CANCEL"),
  message(2_003, "out", ada, "SIP/2.0 200 OK", "7 INVITE"),
  message(2_004, "in", other, "SIP/2.0 200 OK", "1 CANCEL"),
  message(2_005, "in", ada, "ACK", "7 ACK"),
  message(9_950, "in", grace, "BYE sip:x@127.0.0.1", "1 BYE"),
  message(9_952, "out", grace, "SIP/2.0 200 OK", "1 BYE"),
];
const records = [
  record(1, 3, "CallOffered", "MediaReserved", "LegStarted", "LegStarted"),
  record(10, 4, "LegRang"),
  record(2_000, 5, "LegAnswered", "CallAnswered", "LegCancelled"),
  record(9_950, 7, "CallEnded"),
];

const golden = (name: string, text: string) =>
  expect(`${text}\n`).toMatchFileSnapshot(`golden/${name}.txt`);

describe("tables", () => {
  test("live calls", () => golden("calls", Text.calls([live, { ...live, phase: "up" }])));
  test("ended calls", () => golden("cdr", Text.cdrs([refused, ended])));
  test("checks", () =>
    golden(
      "doctor",
      Text.checks([
        { name: "runtime", verdict: "good", detail: "Deno 1.2.3" },
        { name: "tenant demo", verdict: "warning", detail: "has the exceptions plainMedia" },
        { name: "actors", verdict: "bad", detail: "1 were parked by a defect" },
      ]),
    ));
  test("nothing to list is said", () => {
    expect(Text.calls([])).toBe("no calls");
    expect(Text.cdrs([])).toBe("no ended calls");
  });
});

describe("plan", () => {
  const change = (action: Change["action"], what: string): Change => ({
    tenant: "demo",
    action,
    what,
  });
  const changes = [
    change("add", "user 1003"),
    change("change", "routes: 0* to office"),
    change("keep", "user 1002"),
    change("keep", "tenant demo"),
  ];
  test("what changes, what is kept and why", () => golden("plan", Text.plan(changes, true)));
  test("a dry run says that it changed nothing", () =>
    golden("plan-dry-run", Text.plan(changes, false)));
  test("a tenant is never said to be removable", () => {
    const text = Text.plan([change("keep", "tenant demo")], true);
    expect(text).not.toContain("--remove");
    expect(text).toContain("nothing to change");
  });
});

describe("ladder", () => {
  test("a call that forked, was answered and ended", () =>
    golden("ladder", Text.ladder({ call: null, cdr: ended, messages, records })));
  test("a call that rings", () =>
    golden(
      "ladder-live",
      Text.ladder({
        call: live,
        cdr: null,
        messages: messages.slice(0, 6),
        records: records.slice(0, 2),
      }),
    ));
  test("a refused call", () =>
    golden(
      "ladder-refused",
      Text.ladder({
        call: null,
        cdr: refused,
        messages: [
          message(0, "in", ada, "INVITE sip:1099@127.0.0.1", "7 INVITE"),
          message(2, "out", ada, "SIP/2.0 404 Not Found", "7 INVITE"),
        ],
        records: [record(1, 3, "CallOffered", "CallEnded")],
      }),
    ));
  test("what a peer sent cannot move the cursor or turn the text around", () => {
    const hostile = message(0, "in", ada, "INVITE sip:\u001b[2J\u202e@x", "7 INVITE\r\n");
    const caller = "\u001b]0;x\u0007";
    const text = Text.ladder({
      call: { ...live, caller },
      cdr: null,
      messages: [hostile],
      records,
    });
    // deno-lint-ignore no-control-regex
    expect(text.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f\u202e]/);
  });
});
