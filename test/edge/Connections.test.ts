import { EventEmitter } from "node:events";
import type { Server, Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Connections from "../../src/edge/Connections.ts";
import * as Counters from "../../src/telemetry/Counters.ts";

const limits = { connections: 10, connectionsPerSource: 4 };

const rig = () => {
  const counters = Counters.make();
  return {
    counters,
    connections: Connections.make(limits, counters),
    refused: (reason: Connections.Refusal) =>
      counters.counter("edge_connections_refused_total", { transport: "tls", reason }).value,
  };
};

test("there are never more than the limits, and all room comes back", () => {
  const steps = fc.array(fc.record({ source: fc.nat(5), leave: fc.boolean() }), { maxLength: 100 });
  fc.assert(fc.property(steps, (all) => {
    const { connections, refused } = rig();
    const open = new Map<string, number>();
    let turnedAway = 0;
    for (const { leave, source } of all) {
      const ip = `192.0.2.${source}`;
      const own = open.get(ip) ?? 0;
      const total = [...open.values()].reduce((sum, n) => sum + n, 0);
      if (leave) {
        if (own === 0) continue;
        connections.leave(ip);
        open.set(ip, own - 1);
      } else {
        const room = total < limits.connections && own < limits.connectionsPerSource;
        expect(connections.enter("tls", ip)).toBe(room);
        if (room) open.set(ip, own + 1);
        else turnedAway++;
      }
    }
    expect(refused("limit") + refused("sourceLimit")).toBe(turnedAway);
    for (const [ip, n] of open) for (let left = n; left > 0; left--) connections.leave(ip);
    expect(connections.count()).toBe(0);
  }));
});

test("the addresses of one IPv6 network share their limit", () => {
  const { connections, refused } = rig();
  const entered = Array.from({ length: 8 }, (_, n) => connections.enter("tls", `2001:db8::${n}`));
  expect(entered.filter(Boolean)).toHaveLength(limits.connectionsPerSource);
  expect(refused("sourceLimit")).toBe(4);
});

/** A server whose events the test makes. */
const server = () => {
  const made = new EventEmitter();
  let ports = 0;
  const accept = () => {
    const socket = Object.assign(new EventEmitter(), {
      remoteAddress: "192.0.2.1",
      remotePort: ++ports,
      destroyed: false,
      destroy: () => {
        if (socket.destroyed) return;
        socket.destroyed = true;
        socket.emit("close");
      },
    });
    made.emit("connection", socket);
    return socket;
  };
  return { made: made as unknown as Server, emit: made.emit.bind(made), accept };
};

describe("from acceptance to a flow", () => {
  test.for(
    [
      ["handshake", (_emit: EventEmitter["emit"], socket: EventEmitter) => socket.emit("close")],
      ["request", (emit: EventEmitter["emit"], socket: EventEmitter) => {
        emit("secureConnection", socket);
        socket.emit("close");
      }],
    ] as const,
  )("what ends before its %s is counted so, once", ([reason, end]) => {
    const { connections, refused } = rig();
    const { accept, emit, made } = server();
    Connections.guard(made, "tls", connections);
    const socket = accept();
    expect(connections.count()).toBe(1);
    end(emit, socket);
    expect(refused(reason)).toBe(1);
    expect(connections.count()).toBe(0);
  });

  test("a failed handshake ends its socket", () => {
    const { connections, refused } = rig();
    const { accept, emit, made } = server();
    Connections.guard(made, "tls", connections);
    const socket = accept();
    emit("tlsClientError", new Error("junk"), socket);
    expect(socket.destroyed).toBe(true);
    expect([refused("handshake"), connections.count()]).toEqual([1, 0]);
  });

  test("what has become a flow is no refusal", () => {
    const { connections, counters } = rig();
    const { accept, emit, made } = server();
    const guard = Connections.guard(made, "tls", connections);
    const socket = accept();
    emit("secureConnection", socket);
    guard.settled(socket as unknown as Socket);
    socket.emit("close");
    expect(connections.count()).toBe(0);
    expect(counters.snapshot()).toEqual([]);
  });

  test("over the limit it is ended at once, and counted as that alone", () => {
    const { connections, refused } = rig();
    const { accept, made } = server();
    Connections.guard(made, "tls", connections);
    const sockets = Array.from({ length: 6 }, () => accept());
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([
      ...[false, false, false, false],
      ...[true, true],
    ]);
    expect([refused("sourceLimit"), refused("handshake")]).toEqual([2, 0]);
    expect(connections.count()).toBe(4);
  });
});
