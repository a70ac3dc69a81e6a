import { beforeEach, expect, test } from "vitest";
import type { Flow, SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Flows from "../../src/edge/Flows.ts";

const remote: SocketAddress = { ip: "192.0.2.9", port: 5_060 };

interface Dialled {
  readonly transport: Transport;
  readonly remote: SocketAddress;
  readonly opened: (connection: Flows.Connection | undefined) => void;
}

let now: number;
let sent: Array<string>;
let closed: Array<string>;
let dialled: Array<Dialled>;
let flows: Flows.Flows;

beforeEach(() => {
  now = 1_000;
  sent = [];
  closed = [];
  dialled = [];
  flows = Flows.make({
    edge: "e1",
    incarnation: "boot",
    datagrams: (text, { ip, port }) => sent.push(`udp ${ip}:${port} ${text}`),
    dial: (transport, remote, opened) => dialled.push({ transport, remote, opened }),
    now: () => now,
  });
});

const connection = (
  transport: Transport = "tcp",
  other: SocketAddress = remote,
): Flows.Connection => {
  const id = flows.number();
  const made: Flows.Connection = {
    id,
    transport,
    remote: other,
    send: (text) => sent.push(`${id} ${text}`),
    close: (reason) => {
      closed.push(`${id} ${reason}`);
      flows.remove(made);
    },
  };
  return made;
};

const open = (transport?: Transport, other?: SocketAddress): Flows.Connection => {
  const made = connection(transport, other);
  flows.add(made);
  return made;
};

const sourceOf = ({ id, remote, transport }: Flows.Connection): Flows.Source => ({
  transport,
  connection: id,
  remote,
});

const flowOf = (source: Flows.Source, other: Partial<Flow> = {}): Flow => ({
  edge: "e1",
  incarnation: "boot",
  ...source,
  ...other,
});

const answers = () => {
  const all: Array<Flows.Source | undefined> = [];
  return { all, take: (to: Flows.Source | undefined) => void all.push(to) };
};

test("what is sent leaves by the flow that it is for, and by no other", () => {
  const [a, b] = [open("tcp"), open("tls")];
  expect(flows.send(sourceOf(b), "to b")).toBe(true);
  expect(flows.send(sourceOf(a), "to a")).toBe(true);
  expect(flows.send({ transport: "udp", connection: 0, remote }, "datagram")).toBe(true);
  expect(sent).toEqual([`${b.id} to b`, `${a.id} to a`, "udp 192.0.2.9:5060 datagram"]);
});

test("a closed connection takes nothing, even when another one goes to the same address", () => {
  const gone = open();
  flows.remove(gone);
  open();
  expect(flows.send(sourceOf(gone), "late")).toBe(false);
  expect(sent).toEqual([]);
});

test("a flow lives as long as its connection, under its edge and boot", () => {
  const one = open();
  const flow = flowOf(sourceOf(one));
  expect(flows.isAlive(flow)).toBe(true);
  expect(flows.isAlive({ ...flow, incarnation: "earlier" })).toBe(false);
  expect(flows.isAlive({ ...flow, edge: "e2" })).toBe(false);
  expect(flows.isAlive({ ...flow, connection: 0 })).toBe(false);
  flows.remove(one);
  expect(flows.isAlive(flow)).toBe(false);
});

test("a UDP flow outlives the boot of its edge", () => {
  const flow = flowOf({ transport: "udp", connection: 0, remote }, { incarnation: "earlier" });
  expect(flows.isAlive(flow)).toBe(true);
  expect(flows.isAlive({ ...flow, edge: "e2" })).toBe(false);
});

test("an open connection to the address is used, else one is dialled once for all who wait", () => {
  const { all, take } = answers();
  flows.connect("tcp", remote, take);
  flows.connect("tcp", remote, take);
  flows.connect("tls", remote, take);
  expect(dialled.map(({ transport }) => transport)).toEqual(["tcp", "tls"]);
  const made = open("tcp");
  dialled[0]?.opened(made);
  expect(all).toEqual([sourceOf(made), sourceOf(made)]);
  flows.connect("tcp", remote, take);
  expect(all).toHaveLength(3);
  expect(dialled).toHaveLength(2);
});

test("when none can be had all are told, and the next one dials again", () => {
  const { all, take } = answers();
  flows.connect("tcp", remote, take);
  flows.connect("tcp", remote, take);
  dialled[0]?.opened(undefined);
  expect(all).toEqual([undefined, undefined]);
  flows.connect("tcp", remote, take);
  expect(dialled).toHaveLength(2);
});

test("of two connections from one address the newer one is used; when it ends, a new one", () => {
  const { all, take } = answers();
  const older = open();
  const newer = open();
  flows.remove(older);
  flows.connect("tcp", remote, take);
  expect(all).toEqual([sourceOf(newer)]);
  flows.remove(newer);
  flows.connect("tcp", remote, take);
  expect(dialled).toHaveLength(1);
});

test("a peer without TCP is asked once in five minutes", () => {
  const { all, take } = answers();
  flows.upgrade(remote, take);
  dialled[0]?.opened(undefined);
  flows.upgrade(remote, take);
  expect(all).toEqual([undefined, undefined]);
  expect(dialled).toHaveLength(1);
  // Whoever must have TCP dials all the same.
  flows.connect("tcp", remote, take);
  expect(dialled).toHaveLength(2);
  dialled[1]?.opened(undefined);
  now += 300_001;
  flows.upgrade(remote, take);
  expect(dialled).toHaveLength(3);
});

test("a peer that has TCP is asked each time", () => {
  const { all, take } = answers();
  flows.upgrade(remote, take);
  const made = open("tcp");
  dialled[0]?.opened(made);
  flows.upgrade(remote, take);
  expect(all).toEqual([sourceOf(made), sourceOf(made)]);
});

test("closing all ends each, once", () => {
  const [a, b] = [open("tcp"), open("wss", { ip: "192.0.2.8", port: 1 })];
  flows.closeAll();
  expect(closed).toEqual([`${a.id} stopped`, `${b.id} stopped`]);
  expect(flows.count()).toBe(0);
});
