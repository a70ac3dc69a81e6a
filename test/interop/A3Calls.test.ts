/** A3: SIPp as caller and callee, over UDP and TCP: every way in which a call can go and end. */
import { describe, expect, test } from "vitest";
import { parameters } from "../prove/Rows.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import { causes, endedBy } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Scene from "../support/Scene.ts";
import * as Sipp from "../support/Sipp.ts";

const { calls, perSecond } = parameters("A3");

const ringSeconds = 3;
const callers = Directory.users(1001, 20);
const deadlineMs = calls / perSecond * 1_000 + 30_000;

/**
 * Over UDP the callee is a user at its registered address. Over TCP it is a trunk that we connect
 * to: a user's calls go down the connection that it registered with, which no other SIPp can own.
 * Each test has a trunk of its own, because SIPp cannot listen again on a port just used.
 */
const trunkIps = Array.from({ length: 10 }, (_, index) => `127.0.0.${101 + index}`);

interface Waiting extends Sipp.Running {
  /** What the caller dials to get there. */
  readonly dialled: string;
}

interface Trunk {
  readonly ip: string;
  readonly port: number;
  readonly dialled: string;
}

/** Peers around one engine, and the CDRs of what they did. */
const prepare = () => {
  const trunks: Array<Trunk> = [];

  const engine = Engine.forSuite(async () => {
    for (const [index, ip] of trunkIps.entries()) {
      trunks.push({ ip, port: await Ports.free(ip, 2), dialled: String(9001 + index) });
    }
    return {
      directory: Directory.demo({
        limits: { ringSeconds },
        users: [...callers, ...Directory.users(1101, 2)],
        trunks: trunks.map(({ ip, port, dialled }) => ({
          id: `carrier-${dialled}`,
          address: `${ip}:${port}`,
          transport: "tcp",
          inbound: true,
        })),
        routes: trunks.map(({ dialled }) => ({ match: dialled, trunk: `carrier-${dialled}` })),
      }),
    };
  });

  const atTrunk = async (
    options: Pick<Sipp.Options, "scenario" | "values" | "calls">,
  ): Promise<Waiting> => {
    const trunk = trunks.shift();
    if (trunk === undefined) throw new Error("more tests than trunks");
    const { ip, port, dialled } = trunk;
    const running = await Sipp.start({ ...options, transport: "tcp", ip, port, deadlineMs });
    return { ...running, dialled };
  };

  const atUser = async (
    options: Pick<Sipp.Options, "scenario" | "values" | "calls">,
    dialled = "1101",
  ): Promise<Waiting> => {
    const ip = "127.0.0.1";
    const port = await Ports.free(ip, 2);
    await Scene.bind(engine(), dialled, { ip, port });
    const running = await Sipp.start({ ...options, transport: "udp", ip, port, deadlineMs });
    return { ...running, dialled };
  };

  const caller = (
    transport: "udp" | "tcp",
    dialled: string,
    options: Pick<Sipp.Options, "scenario" | "values" | "calls" | "perSecond">,
  ): Promise<Sipp.Result> =>
    Sipp.run({
      ...options,
      transport,
      remote: engine().sip,
      deadlineMs,
      authUri: `${dialled}@${Directory.domain}`,
      fields: callers.map(({ extension, secret }) =>
        `${extension};[authentication username=${extension} password=${secret}];${dialled}`
      ),
    });

  /** CDRs of the calls that a test made: those that were not there before it. */
  const ended = async (before: number, count: number) => {
    await Engine.idle(engine());
    const cdrs = await Engine.cdrs(engine(), before + count);
    expect(cdrs).toHaveLength(before + count);
    return cdrs.toSorted((a, b) => a.endedAt < b.endedAt ? -1 : 1).slice(before);
  };

  const cdrCount = async () => (await engine().cdrs()).length;
  return { engine, atTrunk, atUser, caller, ended, cdrCount };
};

interface Suite extends ReturnType<typeof prepare> {
  readonly transport: "udp" | "tcp";
  readonly callee: (
    options: Pick<Sipp.Options, "scenario" | "values" | "calls">,
  ) => Promise<Waiting>;
}

const registrations = ({ engine, transport }: Suite): void => {
  test("20 phones register with digest", async () => {
    const result = await Sipp.run({
      scenario: "register",
      transport,
      remote: engine().sip,
      calls: callers.length,
      perSecond,
      authUri: Directory.domain,
      fields: callers.map(({ extension, secret }) =>
        `${extension};[authentication username=${extension} password=${secret}]`
      ),
    });
    expect([result.successful, result.failed]).toEqual([callers.length, 0]);
  });
};

const half = calls / 2;
const hangups = [
  { by: endedBy.caller, caller: {}, callee: {} },
  {
    by: endedBy.callee,
    // To SIPp a BYE that comes during a pause is one that it did not expect.
    caller: { hangup: "hungup", talkMs: 1 },
    callee: { hungup: "hangup-callee" },
  },
];

const answeredCalls = ({ transport, callee, caller, ended, cdrCount }: Suite): void => {
  test.for(hangups)(`${half} calls at ${perSecond}/s, the $by hangs up`, async (hangup) => {
    const before = await cdrCount();
    const { callee: values } = hangup;
    const waiting = await callee({ scenario: "uas-call", values, calls: half });
    const made = await caller(transport, waiting.dialled, {
      scenario: "uac-call",
      values: hangup.caller,
      calls: half,
      perSecond,
    });
    expect([made.successful, made.failed]).toEqual([half, 0]);
    expect((await waiting.done).successful).toBe(half);
    for (const cdr of await ended(before, half)) {
      const { dialled } = waiting;
      const expected = { status: 200, cause: causes.hangup, endedBy: hangup.by, dialled };
      expect(cdr).toMatchObject(expected);
      expect(cdr.durationMs).toBeGreaterThan(900);
      expect(cdr.durationMs).toBeLessThan(10_000);
    }
  });
};

/** A call that fails or is given up: what each side plays, and the status in the CDR. */
const failures = [
  {
    what: "the caller gives up",
    caller: { scenario: "uac-cancel" },
    callee: { scenario: "uas-cancelled" },
    status: 487,
    cause: causes.cancelled,
  },
  {
    what: "the callee is busy",
    caller: { scenario: "uac-refused", values: { code: 486 } },
    callee: { scenario: "uas-refuse", values: { status: "486 Busy Here" } },
    status: 486,
    cause: causes.busy,
  },
  {
    what: "nobody answers",
    caller: { scenario: "uac-refused", values: { code: 480 } },
    callee: { scenario: "uas-cancelled" },
    status: 480,
    cause: causes.noAnswer,
  },
];

const failedCalls = ({ transport, callee, caller, ended, cdrCount }: Suite): void => {
  test.for(failures)("$what", async (failure) => {
    const before = await cdrCount();
    const waiting = await callee(failure.callee);
    expect((await caller(transport, waiting.dialled, failure.caller)).successful).toBe(1);
    expect((await waiting.done).successful).toBe(1);
    const [cdr] = await ended(before, 1);
    const { status, cause } = failure;
    expect(cdr).toMatchObject({ status, cause, answeredAt: null });
  });
};

const routes = ({ engine, transport, atUser, caller, ended, cdrCount }: Suite): void => {
  test("a number that nobody has is answered with 404", async () => {
    const refused = { scenario: "uac-refused", values: { code: 404 } };
    expect((await caller(transport, "5550000", refused)).successful).toBe(1);
    await Engine.idle(engine());
  });

  test("a redirection leads to the user that it names", async () => {
    const before = await cdrCount();
    const contact = `sip:1102@${Directory.domain}`;
    const values = { status: "302 Moved Temporarily", contact };
    const redirecting = await atUser({ scenario: "uas-refuse", values });
    const answering = await atUser({ scenario: "uas-call" }, "1102");
    expect((await caller(transport, "1101", { scenario: "uac-call" })).successful).toBe(1);
    await Promise.all([redirecting.done, answering.done]);
    const [cdr] = await ended(before, 1);
    expect(cdr).toMatchObject({ status: 200, dialled: "1101", callee: "1102" });
  });
};

const offers = ({ transport, callee, caller, ended, cdrCount }: Suite): void => {
  test("an INVITE without an offer gets one in the answer", async () => {
    const before = await cdrCount();
    const waiting = await callee({ scenario: "uas-call" });
    expect((await caller(transport, waiting.dialled, { scenario: "uac-late-offer" })).successful)
      .toBe(1);
    await waiting.done;
    expect((await ended(before, 1))[0]).toMatchObject({ status: 200 });
  });

  test("hold and resume reach the other side", async () => {
    const before = await cdrCount();
    const waiting = await callee({ scenario: "uas-hold" });
    const holding = { scenario: "uac-hold", values: { byeCseq: 5 } };
    expect((await caller(transport, waiting.dialled, holding)).successful).toBe(1);
    await waiting.done;
    expect((await ended(before, 1))[0]).toMatchObject({ status: 200 });
  });
};

Need.suite("A3 SIPp", ["sipp"], () => {
  const peers = prepare();
  describe.for(["udp", "tcp"] as const)("over %s", (transport) => {
    const callee = transport === "tcp" ? peers.atTrunk : peers.atUser;
    const suite = { ...peers, transport, callee };
    registrations(suite);
    answeredCalls(suite);
    failedCalls(suite);
    routes(suite);
    offers(suite);
  });
});
