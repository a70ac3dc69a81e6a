/** The transactions of an edge do what the tables of RFC 3261 section 17 say. */
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Step } from "../../src/kernel/Step.ts";
import type { Source } from "../../src/edge/Flows.ts";
import * as TimerWheel from "../../src/edge/TimerWheel.ts";
import { Transactions, trying } from "../../src/edge/Transactions.ts";
import * as Message from "../../src/sip/Message.ts";
import * as Printer from "../../src/sip/Printer.ts";
import * as InviteClient from "../../src/sip/transaction/InviteClient.ts";
import * as InviteServer from "../../src/sip/transaction/InviteServer.ts";
import * as Machine from "../../src/sip/transaction/Machine.ts";
import * as NonInviteClient from "../../src/sip/transaction/NonInviteClient.ts";
import * as NonInviteServer from "../../src/sip/transaction/NonInviteServer.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as Messages from "./Messages.ts";
import * as World from "./World.ts";

const udp: Source = { transport: "udp", connection: 0, remote: { ip: "192.0.2.9", port: 5060 } };
const tcp: Source = { ...udp, transport: "tcp", connection: 1 };

interface Rig {
  readonly world: World.World;
  readonly wheel: TimerWheel.TimerWheel;
  readonly transactions: Transactions;
  readonly counters: Counters.Counters;
  /** Everything that was sent, handed up and reported, in order. */
  readonly log: Array<string>;
  works: boolean;
}

const rig = (limit = 100): Rig => {
  const world = World.make();
  const wheel = TimerWheel.make(world);
  const counters = Counters.make();
  const log: Array<string> = [];
  const made: Rig = {
    world,
    wheel,
    counters,
    log,
    works: true,
    transactions: new Transactions({
      wheel,
      counters,
      limit,
      send: (_, text) => {
        if (made.works) log.push(text);
        return made.works;
      },
    }),
  };
  return made;
};

/** A table with timers and the last text: all that section 17 knows of a transaction. */
const model = (
  { wheel }: Rig,
  step: Step<Machine.State<string>, string, Machine.Output>,
  happened: (output: Machine.Output, last: string) => void,
  hundred = "",
) => {
  let state: Machine.State<string> = Machine.initial;
  let last = "";
  const timers = new Map<string, TimerWheel.Timer>();
  const stop = (name: string): void => {
    const timer = timers.get(name);
    if (timer !== undefined) wheel.stop(timer);
    timers.delete(name);
  };
  const input = (name: string, text?: string): void => {
    const [next, outputs] = step(state, name);
    state = next;
    for (const output of outputs) {
      if (output.kind === "send" && text !== undefined) last = text;
      if (output.kind === "send100") last = hundred;
      if (output.kind === "stop") stop(output.timer);
      if (output.kind === "terminated") { for (const one of [...timers.keys()]) stop(one); }
      if (output.kind === "start") {
        const { timer } = output;
        stop(timer);
        timers.set(timer, wheel.start(output.ms, () => input(`timer${timer}`)));
      }
      happened(output, last);
    }
  };
  return { input, state: () => state.name };
};

const stepOf = (made: unknown) => made as Step<Machine.State<string>, string, Machine.Output>;

const config = (reliable: boolean): Machine.Config => ({ ...Machine.defaults, reliable });

/** What happens, and how much time passes before it. */
const story = <Input>(inputs: ReadonlyArray<Input>) =>
  fc.array(
    fc.tuple(fc.constantFrom(...inputs), fc.constantFrom(0, 70, 510, 1_900, 5_010, 33_000)),
    { maxLength: 12 },
  );

const statuses = { "1xx": 180, "2xx": 200, "300-699": 486, "408": 408 } as const;

const playServer = (
  method: "INVITE" | "OPTIONS",
  reliable: boolean,
  events: ReadonlyArray<readonly [string, number]>,
): void => {
  const real = rig();
  const expected: Array<string> = [];
  const request = Messages.request(method);
  const parts = Message.replyParts(request);
  // The 2xx's own repetitions end with its ACK, and late ones of the user go nowhere.
  let settled = false;
  const table = method === "INVITE"
    ? stepOf(InviteServer.make(config(reliable)))
    : stepOf(NonInviteServer.make(config(reliable)));
  const ideal = model(real, table, (output, last) => {
    if (settled) return;
    const sends = ["send", "resend", "send100"].includes(output.kind);
    if (sends && last !== "") expected.push(last);
  }, trying(parts));
  const server = real.transactions.receive(request, reliable, (text) => real.log.push(text))!;
  server.parts = parts;
  ideal.input("request");
  for (const [event, delay] of events) {
    real.world.pass(delay);
    if (ideal.state() === "terminated") break;
    if (event === "request") {
      expect(real.transactions.receive(request, reliable, () => {})).toBeUndefined();
      ideal.input("request");
    } else if (event === "ack") {
      if (method !== "INVITE") continue;
      const accepted = ideal.state() === "accepted";
      const ended = real.transactions.acknowledges(Messages.request("ACK"));
      // What acknowledges a 2xx is its sender's affair.
      expect(ended).toBe(!accepted);
      ideal.input("ack");
      settled ||= accepted;
    } else {
      const status = statuses[event as keyof typeof statuses];
      const text = `${status} ${expected.length}`;
      const input = method === "INVITE"
        ? InviteServer.inputOf(status)
        : NonInviteServer.inputOf(status);
      real.transactions.respond(server, status, text);
      if (input !== undefined) ideal.input(input, text);
    }
    expect(real.log).toEqual(expected);
  }
  real.world.pass(100_000);
  expect(real.log).toEqual(expected);
  const gone = ideal.state() === "terminated";
  expect(real.transactions.find(server.key) === undefined).toBe(gone);
  expect(real.transactions.size).toBe(gone ? 0 : 1);
};

describe("server transactions follow their tables", () => {
  const events = story(["request", "ack", ...Object.keys(statuses)]);
  test.for([["INVITE", true], ["INVITE", false], ["OPTIONS", true], ["OPTIONS", false]] as const)(
    "%s, reliable: %s",
    ([method, reliable]) => {
      fc.assert(fc.property(events, (story) => playServer(method, reliable, story)), {
        numRuns: 300,
      });
    },
  );
});

const playClient = (
  method: "INVITE" | "BYE",
  reliable: boolean,
  events: ReadonlyArray<readonly [number, number]>,
): void => {
  const real = rig();
  const expected: Array<string> = [];
  const sent = Printer.request(Messages.parts(method));
  const table = method === "INVITE"
    ? stepOf(InviteClient.make(config(reliable)))
    : stepOf(NonInviteClient.make(config(reliable)));
  let incoming = "";
  const ideal = model(real, table, (output) => {
    if (output.kind === "send" || output.kind === "resend") expected.push(sent);
    else if (output.kind === "sendAck") expected.push("ACK");
    else if (output.kind === "deliver") expected.push(incoming);
    else if (output.kind === "inform") expected.push(output.cause);
  });
  ideal.input("start");
  const client = real.transactions.request("z9hG4bKone", Messages.parts(method), {
    ...(reliable ? tcp : udp),
  }, {
    response: ({ status }) => real.log.push(`${status}`),
    failed: (cause) => real.log.push(cause),
  });
  const seen = () => real.log.map((line) => line.startsWith("ACK ") ? "ACK" : line);
  for (const [status, delay] of events) {
    real.world.pass(delay);
    const open = ideal.state() !== "terminated";
    incoming = `${status}`;
    ideal.input(
      method === "INVITE" ? InviteClient.inputOf(status) : NonInviteClient.inputOf(status),
    );
    const taken = real.transactions.response(Messages.response(status, method));
    expect(taken).toBe(open);
    expect(seen()).toEqual(expected);
  }
  real.world.pass(100_000);
  expect(seen()).toEqual(expected);
  const gone = ideal.state() === "terminated";
  expect(real.transactions.findClient("z9hG4bKone", method) === undefined).toBe(gone);
  expect(client.timers).toHaveLength(0);
};

describe("client transactions follow their tables", () => {
  const events = story([100, 180, 200, 302, 486]);
  test.for([["INVITE", true], ["INVITE", false], ["BYE", true], ["BYE", false]] as const)(
    "%s, reliable: %s",
    ([method, reliable]) => {
      fc.assert(fc.property(events, (story) => playClient(method, reliable, story)), {
        numRuns: 300,
      });
    },
  );
});

let made: Rig;
const silent = { response: () => {}, failed: () => {} };
beforeEach(() => {
  made = rig(3);
});

test("a retransmission is absorbed and counted, another branch is another transaction", () => {
  const { counters, transactions } = made;
  transactions.receive(Messages.request("OPTIONS"), false, () => {});
  transactions.receive(Messages.request("OPTIONS"), false, () => {});
  expect(counters.counter("edge_retransmissions_absorbed_total").value).toBe(1);
  const other = Messages.request("OPTIONS", { branch: "z9hG4bKtwo" });
  expect(transactions.receive(other, false, () => {})).toBeDefined();
  expect(transactions.size).toBe(2);
});

test("there are as many as the limit says, counted on both sides", () => {
  const { transactions } = made;
  transactions.receive(Messages.request("OPTIONS"), false, () => {});
  transactions.request("z9hG4bKa", Messages.parts("BYE", "z9hG4bKa"), udp, silent);
  expect(transactions.isFull).toBe(false);
  transactions.request("z9hG4bKb", Messages.parts("BYE", "z9hG4bKb"), udp, silent);
  expect(transactions.isFull).toBe(true);
  made.world.pass(100_000);
  expect(transactions.isFull).toBe(false);
});

test("the ACK of an RFC 2543 peer is known by what else is equal (section 17.2.3)", () => {
  const { log, transactions } = made;
  const old = { branch: "1" };
  const server = transactions.receive(
    Messages.request("INVITE", old),
    false,
    (text) => log.push(text),
  )!;
  transactions.respond(server, 486, "486");
  expect(transactions.acknowledges(Messages.request("ACK", { ...old, toTag: "ours" }))).toBe(true);
  made.world.pass(4_000);
  expect(log).toEqual(["486"]);
  const stranger = Messages.request("ACK", { ...old, callId: "other", toTag: "ours" });
  expect(transactions.acknowledges(stranger)).toBe(false);
});

test("CANCEL waits for a provisional response, and is not sent after a final one", () => {
  const { transactions } = made;
  const cancelled: Array<string> = [];
  const waiting = transactions.request("z9hG4bKone", Messages.parts("INVITE"), udp, silent);
  transactions.cancelWhenProceeding(waiting, () => cancelled.push("first"));
  expect(cancelled).toEqual([]);
  transactions.response(Messages.response(180, "INVITE"));
  expect(cancelled).toEqual(["first"]);
  transactions.cancelWhenProceeding(waiting, () => cancelled.push("second"));
  expect(cancelled).toEqual(["first", "second"]);
  transactions.response(Messages.response(200, "INVITE"));
  transactions.cancelWhenProceeding(waiting, () => cancelled.push("third"));
  expect(cancelled).toEqual(["first", "second"]);
});

test("a cancelled INVITE without a final response is over after 64 T1 (section 9.1)", () => {
  const { transactions, world } = made;
  const client = transactions.request("z9hG4bKone", Messages.parts("INVITE"), udp, silent);
  transactions.response(Messages.response(180, "INVITE"));
  world.pass(60_000);
  expect(transactions.size).toBe(1);
  transactions.expire(client);
  world.pass(33_000);
  expect(transactions.size).toBe(0);
});

test.for(["INVITE", "BYE"])("a %s that cannot be sent fails at once", (method) => {
  made.works = false;
  const failures: Array<string> = [];
  made.transactions.request("z9hG4bKone", Messages.parts(method), tcp, {
    response: () => {},
    failed: (cause) => failures.push(cause),
  });
  expect(failures).toEqual(["transport"]);
  expect(made.transactions.size).toBe(0);
  expect(made.wheel.size()).toBe(0);
});

test("a response without a transaction is not taken", () => {
  const { transactions } = made;
  expect(transactions.response(Messages.response(200, "INVITE"))).toBe(false);
  transactions.request("z9hG4bKone", Messages.parts("BYE"), udp, silent);
  // The same branch, but of another method's request (section 17.1.3).
  expect(transactions.response(Messages.response(200, "INVITE"))).toBe(false);
  expect(transactions.response(Messages.response(200, "BYE"))).toBe(true);
});

test("what is recalled answers like the one that got the request", () => {
  const { log, transactions } = made;
  const server = transactions.recall("key", true, false, (text) => log.push(text));
  expect(transactions.recall("key", true, false, () => {})).toBe(server);
  transactions.respond(server, 486, "486");
  made.world.pass(600);
  expect(log).toEqual(["486", "486"]);
});
