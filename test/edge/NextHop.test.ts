import { beforeEach, expect, test } from "vitest";
import type { Reply } from "../../schemas/Reply.ts";
import type { Flow } from "../../schemas/Sip.ts";
import type { Context } from "../../src/edge/Context.ts";
import type { Source } from "../../src/edge/Flows.ts";
import * as NextHop from "../../src/edge/NextHop.ts";

const udp: Flow = {
  edge: "e1",
  incarnation: "boot",
  transport: "udp",
  connection: 0,
  remote: { ip: "203.0.113.9", port: 40_000 },
};
const tls: Flow = { ...udp, transport: "tls", connection: 7 };
const call = { cell: "a", shard: 0, actor: "call/abc", tenant: null } as const;

let asked: Array<string>;
let alive: Set<number>;
let hasTcp: boolean;
let found: Reply | undefined;

beforeEach(() => {
  asked = [];
  alive = new Set([7]);
  hasTcp = true;
  found = undefined;
});

/** As much of an edge as a next hop asks. */
const context = () => {
  const { resolve, core, flows } = parts();
  return { incarnation: "boot", resolve, core, flows } as unknown as Context;
};

const parts = () => ({
  resolve: (host: string, resolved: (ip: string | undefined) => void) => {
    asked.push(`resolve ${host}`);
    resolved(host === "nowhere.test" ? undefined : host);
  },
  core: {
    send: (
      to: typeof call,
      _id: string,
      command: { readonly _tag: string; readonly leg: number; readonly contact: string },
      _deadlineMs: number,
      answered: (reply: Reply | undefined) => void,
    ) => {
      asked.push(`${command._tag} ${to.actor} ${command.leg} ${command.contact}`);
      answered(found);
    },
  },
  flows: {
    isAlive: (flow: Flow) => flow.transport === "udp" || alive.has(flow.connection),
    connect: (
      transport: Flow["transport"],
      remote: Flow["remote"],
      connected: (to: Source | undefined) => void,
    ) => {
      asked.push(`connect ${transport} ${remote.ip}:${remote.port}`);
      connected(hasTcp ? { transport, connection: 99, remote } : undefined);
    },
    upgrade: (remote: Flow["remote"], connected: (to: Source | undefined) => void) => {
      asked.push(`upgrade ${remote.ip}:${remote.port}`);
      connected(hasTcp ? { transport: "tcp", connection: 98, remote } : undefined);
    },
  },
});

interface Case {
  readonly target?: string;
  readonly routeSet?: ReadonlyArray<string>;
  readonly flow?: Flow | null;
  readonly flowOnly?: boolean;
  readonly octets?: number;
}

/** What is obtained, as `transport ip:port#connection`. */
const obtain = (given: Case): string => {
  const { flow = null, flowOnly = false, octets = 500, routeSet = [] } = given;
  const { target = "sip:a@192.0.2.9:5070" } = given;
  const all: Array<Source | undefined> = [];
  const request = { leg: 1, target, routeSet, hop: { flow, flowOnly } };
  NextHop.obtain(context(), call, request, octets, (to) => all.push(to));
  expect(all).toHaveLength(1);
  const [to] = all;
  return to === undefined
    ? "none"
    : `${to.transport} ${to.remote.ip}:${to.remote.port}#${to.connection}`;
};

test("a phone behind NAT gets everything where its registration came from", () => {
  expect(obtain({ flow: udp, flowOnly: true })).toBe("udp 203.0.113.9:40000#0");
  expect(obtain({ flow: udp, flowOnly: true, octets: 5_000 })).toBe("udp 203.0.113.9:40000#0");
  expect(asked).toEqual([]);
});

test("a phone that can be reached over UDP gets it at its contact", () => {
  expect(obtain({ flow: udp })).toBe("udp 192.0.2.9:5070#0");
});

test("over 1,300 octets go by TCP, to a phone without TCP by UDP all the same", () => {
  expect(obtain({ flow: udp, octets: 1_300 })).toBe("udp 192.0.2.9:5070#0");
  expect(asked).not.toContain("upgrade 192.0.2.9:5070");
  expect(obtain({ flow: udp, octets: 1_301 })).toBe("tcp 192.0.2.9:5070#98");
  hasTcp = false;
  expect(obtain({ flow: udp, octets: 1_301 })).toBe("udp 192.0.2.9:5070#0");
});

test("a connection is used while it lives, NAT or not", () => {
  for (const flowOnly of [true, false]) {
    expect(obtain({ flow: tls, flowOnly })).toBe("tls 203.0.113.9:40000#7");
  }
  expect(asked).toEqual([]);
});

test("when it is gone the core is asked for another flow of the same contact", () => {
  alive = new Set([8]);
  found = { _tag: "FlowFound", flow: { ...tls, connection: 8 } };
  expect(obtain({ flow: tls, flowOnly: true, target: "sip:a@X.invalid;transport=ws" })).toBe(
    "tls 203.0.113.9:40000#8",
  );
  expect(asked).toEqual(["FindFlow call/abc 1 sip:a@x.invalid:;transport=ws"]);
});

test.for(
  [
    ["no core answers", undefined],
    ["there is none", { _tag: "FlowFound", flow: null }],
    ["that one is gone too", { _tag: "FlowFound", flow: { ...tls, connection: 9 } }],
    ["the call is not known", { _tag: "Answered", status: 481, reason: null, headers: [] }],
  ] as const,
)("when %s, a contact that can be reached is dialled, another is not", ([, reply]) => {
  alive = new Set();
  found = reply;
  const target = "sip:a@192.0.2.9:5071;transport=tls";
  expect(obtain({ flow: tls, target })).toBe("tls 192.0.2.9:5071#99");
  expect(obtain({ flow: tls, target, flowOnly: true })).toBe("none");
});

test("a trunk has no flow to wait for: it is dialled", () => {
  const flow: Flow = { ...udp, transport: "tcp" };
  expect(obtain({ flow, target: "sip:1@192.0.2.7:5080;transport=tcp" })).toBe(
    "tcp 192.0.2.7:5080#99",
  );
  expect(asked).toEqual(["resolve 192.0.2.7", "connect tcp 192.0.2.7:5080"]);
});

test.for(
  [
    ["sip:a@192.0.2.9", "udp 192.0.2.9:5060#0"],
    ["sip:a@192.0.2.9;transport=TCP", "tcp 192.0.2.9:5060#99"],
    ["sip:a@192.0.2.9;transport=tls", "tls 192.0.2.9:5061#99"],
    ["sips:a@192.0.2.9", "tls 192.0.2.9:5061#99"],
    ["sips:a@192.0.2.9;transport=tcp", "tls 192.0.2.9:5061#99"],
    ["sip:a@[2001:db8::9]:5062", "udp 2001:db8::9:5062#0"],
    // RFC 7118 section 5: nobody connects to a WebSocket client.
    ["sip:a@192.0.2.9;transport=ws", "none"],
    ["sip:a@192.0.2.9;transport=sctp", "none"],
    ["sip:a@phone.invalid", "none"],
    ["tel:+15551234", "none"],
    ["not a URI", "none"],
    ["sip:a@nowhere.test", "none"],
  ] as const,
)("%s leads to %s", ([target, place]) => {
  expect(obtain({ target })).toBe(place);
});

test("the first of the route set is the way, when it is a loose router", () => {
  const routeSet = ["sip:192.0.2.1;lr", "sip:192.0.2.2;lr"];
  expect(obtain({ routeSet })).toBe("udp 192.0.2.1:5060#0");
});
