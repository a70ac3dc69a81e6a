/**
 * Every row of the four tables against an expectation written by hand from the RFCs, over both
 * kinds of transport. A row without an expectation, or an expectation without a row, fails.
 */
import { describe, expect, test } from "vitest";
import type { Step } from "../../../src/kernel/Step.ts";
import * as InviteClient from "../../../src/sip/transaction/InviteClient.ts";
import * as InviteServer from "../../../src/sip/transaction/InviteServer.ts";
import * as Machine from "../../../src/sip/transaction/Machine.ts";
import * as NonInviteClient from "../../../src/sip/transaction/NonInviteClient.ts";
import * as NonInviteServer from "../../../src/sip/transaction/NonInviteServer.ts";

/** `state input -> next: outputs`, where `+X 500` starts a timer and `-X` stops it. */
interface Expectation {
  readonly unreliable: string;
  readonly reliable: string;
}

const both = (text: string): Expectation => ({ unreliable: text, reliable: text });
const each = (unreliable: string, reliable: string): Expectation => ({ unreliable, reliable });

const shown = (output: Machine.Output): string => {
  switch (output.kind) {
    case "start":
      return `+${output.timer} ${output.ms}`;
    case "stop":
      return `-${output.timer}`;
    case "inform":
      return `inform:${output.cause}`;
    default:
      return output.kind;
  }
};

type AnyStep = Step<Machine.State<string>, string, Machine.Output>;

const stepped = (step: AnyStep, state: string, input: string): string => {
  const [next, outputs] = step({ name: state, fired: 0 }, input);
  return [next.name, ...outputs.map(shown)].join(" ");
};

const machines = {
  "INVITE client": {
    rows: InviteClient.rows,
    make: InviteClient.make,
    expectations: {
      "initial start": each("calling send +A 500 +B 32000", "calling send +B 32000"),
      "calling timerA": each("calling resend +A 1000", "calling resend"),
      "calling timerB": both("terminated inform:timeout terminated"),
      "calling transportError": both("terminated inform:transport terminated"),
      "calling 1xx": each("proceeding deliver -A -B", "proceeding deliver -B"),
      "calling 2xx": each("accepted deliver -A -B +M 32000", "accepted deliver -B +M 32000"),
      "calling 300-699": each(
        "completed deliver sendAck -A -B +D 32000",
        "completed deliver sendAck -B +D 0",
      ),
      "proceeding 1xx": both("proceeding deliver"),
      "proceeding 2xx": both("accepted deliver +M 32000"),
      "proceeding 300-699": each(
        "completed deliver sendAck +D 32000",
        "completed deliver sendAck +D 0",
      ),
      "accepted 2xx": both("accepted deliver"),
      "accepted timerM": both("terminated terminated"),
      "completed 300-699": both("completed sendAck"),
      "completed timerD": both("terminated terminated"),
      "completed transportError": both("terminated inform:transport terminated"),
    },
    absorbed: [
      "initial 2xx",
      "proceeding timerA",
      "proceeding timerB",
      "proceeding transportError",
      "accepted 1xx",
      "accepted 300-699",
      "accepted transportError",
      "completed 1xx",
      "completed 2xx",
      "terminated 2xx",
      "terminated start",
    ],
  },
  "non-INVITE client": {
    rows: NonInviteClient.rows,
    make: NonInviteClient.make,
    expectations: {
      "initial start": each("trying send +E 500 +F 32000", "trying send +F 32000"),
      "trying timerE": each("trying resend +E 1000", "trying resend"),
      "trying timerF": both("terminated inform:timeout terminated"),
      "trying transportError": both("terminated inform:transport terminated"),
      "trying 1xx": both("proceeding deliver"),
      "trying 200-699": each(
        "completed deliver -E -F +K 5000",
        "completed deliver -F +K 0",
      ),
      "proceeding timerE": each("proceeding resend +E 4000", "proceeding resend"),
      "proceeding timerF": both("terminated inform:timeout terminated"),
      "proceeding transportError": both("terminated inform:transport terminated"),
      "proceeding 1xx": both("proceeding deliver"),
      "proceeding 200-699": each(
        "completed deliver -E -F +K 5000",
        "completed deliver -F +K 0",
      ),
      "completed timerK": both("terminated terminated"),
    },
    absorbed: [
      "completed 1xx",
      "completed 200-699",
      "completed timerF",
      "completed transportError",
      "terminated 200-699",
    ],
  },
  "INVITE server": {
    rows: InviteServer.rows,
    make: InviteServer.make,
    expectations: {
      "initial request": both("proceeding deliver"),
      "proceeding request": both("proceeding resend"),
      "proceeding send1xx": both("proceeding send"),
      "proceeding send2xx": both("accepted send +L 32000"),
      "proceeding send300-699": each(
        "completed send +G 500 +H 32000",
        "completed send +H 32000",
      ),
      "proceeding transportError": both("proceeding inform:transport"),
      "accepted request": both("accepted"),
      "accepted ack": both("accepted deliver"),
      "accepted send2xx": both("accepted send"),
      "accepted transportError": both("accepted inform:transport"),
      "accepted timerL": both("terminated terminated"),
      "completed request": both("completed resend"),
      "completed timerG": each("completed resend +G 1000", "completed resend"),
      "completed timerH": both("terminated inform:noAck terminated"),
      "completed transportError": both("completed inform:transport"),
      "completed ack": each("confirmed -G -H +I 5000", "confirmed -H +I 0"),
      "confirmed request": both("confirmed"),
      "confirmed ack": both("confirmed"),
      "confirmed timerI": both("terminated terminated"),
    },
    absorbed: [
      "proceeding ack",
      "accepted send1xx",
      "accepted send300-699",
      "completed send1xx",
      "completed send2xx",
      "completed send300-699",
      "confirmed timerG",
      "confirmed timerH",
      "terminated request",
    ],
  },
  "non-INVITE server": {
    rows: NonInviteServer.rows,
    make: NonInviteServer.make,
    expectations: {
      "initial request": both("trying deliver +100 3500"),
      "trying request": both("trying"),
      "trying send100": each("trying", "proceeding send -100"),
      "trying timer100": both("proceeding send100"),
      "trying send200-699": each("completed send -100 +J 32000", "completed send -100 +J 0"),
      "trying send408": both("terminated terminated"),
      "proceeding request": both("proceeding resend"),
      "proceeding send100": both("proceeding send"),
      "proceeding transportError": both("proceeding inform:transport"),
      "proceeding send200-699": each("completed send +J 32000", "completed send +J 0"),
      "proceeding send408": both("terminated terminated"),
      "completed request": both("completed resend"),
      "completed send200-699": both("completed"),
      "completed transportError": both("completed inform:transport"),
      "completed timerJ": both("terminated terminated"),
    },
    absorbed: [
      "completed send100",
      "completed send408",
      "completed timer100",
      "terminated request",
    ],
  },
} as const;

const defaults = Machine.defaults;

for (const [name, machine] of Object.entries(machines)) {
  const rows = machine.rows as ReadonlyArray<Machine.Row<string, string>>;
  const make = machine.make as unknown as (config: Machine.Config) => AnyStep;
  const expectations = machine.expectations as Readonly<Record<string, Expectation>>;
  describe(name, () => {
    const unreliable = make({ ...defaults, reliable: false });
    const reliable = make({ ...defaults, reliable: true });
    for (const row of rows) {
      const key = `${row.state} ${row.input}`;
      test(`${key} (RFC ${row.rfc})${row.over === undefined ? "" : ` over ${row.over}`}`, () => {
        const expected = expectations[key];
        expect(expected, "no expectation").toBeDefined();
        if (row.over !== "reliable") {
          expect(stepped(unreliable, row.state, row.input)).toBe(expected!.unreliable);
        }
        if (row.over !== "unreliable") {
          expect(stepped(reliable, row.state, row.input)).toBe(expected!.reliable);
        }
      });
    }
    test("has a row for every expectation, and two for none", () => {
      const keys = rows.map((row) => `${row.state} ${row.input} ${row.over ?? ""}`);
      expect(new Set(keys).size).toBe(keys.length);
      const known = new Set(rows.map((row) => `${row.state} ${row.input}`));
      expect(Object.keys(expectations).filter((key) => !known.has(key))).toEqual([]);
    });
    for (const key of machine.absorbed) {
      test(`${key} changes nothing and causes nothing`, () => {
        const [state, input] = key.split(" ");
        expect(stepped(unreliable, state!, input!)).toBe(state);
        expect(stepped(reliable, state!, input!)).toBe(state);
      });
    }
    test("every state can end", () => {
      const ending = new Set(["terminated"]);
      for (let i = 0; i < rows.length; i++) {
        for (const row of rows) if (ending.has(row.next)) ending.add(row.state);
      }
      expect([...new Set(rows.map((row) => row.state))].filter((one) => !ending.has(one))).toEqual(
        [],
      );
    });
  });
}

/** Intervals of a retransmission timer, from its start until `count` times later. */
const intervals = (step: AnyStep, from: Machine.State<string>, timer: string, count: number) => {
  let state = from;
  return Array.from({ length: count }, () => {
    const [next, outputs] = step(state, `timer${timer}`);
    state = next;
    const start = outputs.find((output) => output.kind === "start");
    return start?.kind === "start" ? start.ms : undefined;
  });
};

describe("retransmission intervals", () => {
  const config = { ...defaults, reliable: false };
  test("timer A doubles (section 17.1.1.2)", () => {
    expect(intervals(InviteClient.make(config) as AnyStep, { name: "calling", fired: 0 }, "A", 6))
      .toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
  });
  test("timer E doubles up to T2 (section 17.1.2.2)", () => {
    expect(
      intervals(NonInviteClient.make(config) as AnyStep, { name: "trying", fired: 0 }, "E", 12),
    )
      .toEqual([1_000, 2_000, ...new Array<number>(10).fill(4_000)]);
  });
  test("timer E is T2 after a provisional response", () => {
    const step = NonInviteClient.make(config) as AnyStep;
    const [proceeding] = step({ name: "trying", fired: 0 }, "1xx");
    expect(intervals(step, proceeding, "E", 2)).toEqual([4_000, 4_000]);
  });
  test("timer G doubles up to T2 (section 17.2.1)", () => {
    expect(intervals(InviteServer.make(config) as AnyStep, { name: "completed", fired: 0 }, "G", 5))
      .toEqual([1_000, 2_000, 4_000, 4_000, 4_000]);
  });
  test("follow the configuration", () => {
    const quick = { t1: 100, t2: 300, t4: 50, reliable: false };
    expect(stepped(InviteClient.make(quick) as AnyStep, "initial", "start")).toBe(
      "calling send +A 100 +B 6400",
    );
    expect(stepped(InviteClient.make(quick) as AnyStep, "calling", "300-699")).toMatch(
      /\+D 32000$/,
    );
    expect(stepped(NonInviteServer.make(quick) as AnyStep, "initial", "request")).toBe(
      "trying deliver +100 300",
    );
    expect(stepped(NonInviteClient.make(quick) as AnyStep, "trying", "200-699")).toMatch(/\+K 50$/);
  });
});

describe("a step", () => {
  test("allocates nothing: the same state and input give the same result", () => {
    const step = InviteClient.make({ ...defaults, reliable: false });
    expect(step(Machine.initial, "start")).toBe(step(Machine.initial, "start"));
    const [calling] = step(Machine.initial, "start");
    expect(step(calling, "2xx")).toBe(step({ ...calling }, "2xx"));
    expect(step(calling, "timerD")).toBe(step(calling, "timerM"));
  });
  test("takes a state that was stored and read again", () => {
    const step = InviteClient.make({ ...defaults, reliable: false });
    let [state] = step(Machine.initial, "start");
    [state] = step(JSON.parse(JSON.stringify(state)), "timerA");
    expect(state).toEqual({ name: "calling", fired: 1 });
    expect(step(JSON.parse(JSON.stringify(state)), "timerA")[1]).toContainEqual({
      kind: "start",
      timer: "A",
      ms: 2_000,
    });
  });
});

test("what a status is for each machine", () => {
  expect([100, 199, 200, 299, 300, 699].map(InviteClient.inputOf)).toEqual([
    "1xx",
    "1xx",
    "2xx",
    "2xx",
    "300-699",
    "300-699",
  ]);
  expect([180, 202, 486].map(NonInviteClient.inputOf)).toEqual(["1xx", "200-699", "200-699"]);
  expect([180, 200, 486].map(InviteServer.inputOf)).toEqual(["send1xx", "send2xx", "send300-699"]);
  expect([100, 180, 200, 408, 481].map(NonInviteServer.inputOf)).toEqual([
    "send100",
    undefined,
    "send200-699",
    "send408",
    "send200-699",
  ]);
});
