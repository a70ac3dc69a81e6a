/**
 * Connections from their first octet on: how many there may be, in all and from one source, and why
 * they were refused or closed. A TLS handshake that never ends is one as well.
 */
import type { Server, Socket } from "node:net";
import type { Transport } from "../../schemas/Sip.ts";
import type { Counters } from "../telemetry/Counters.ts";
import { networkOf } from "./Admission.ts";
import { plainAddress } from "./Listen.ts";

export interface Limits {
  readonly connections: number;
  readonly connectionsPerSource: number;
}

/** Why a connection did not become a flow. */
export type Refusal =
  /** Too many in all. */
  | "limit"
  | "sourceLimit"
  /** TLS failed, or was not done in time. */
  | "handshake"
  /** No HTTP request came, or none that can be read. */
  | "request"
  /** A request that asks for no WebSocket. */
  | "noUpgrade"
  | "path"
  | "origin"
  /** RFC 7118 section 4.1: the subprotocol `sip` was not offered. */
  | "subprotocol";

/** Why a flow ended. */
export type Closing =
  /** The peer closed it. */
  | "peer"
  /** Reset, or a frame that breaks the WebSocket protocol. */
  | "broken"
  /** No message since it was opened. */
  | "silent"
  /** A message began and did not end in time. */
  | "slow"
  /** Neither message nor keep-alive. */
  | "idle"
  | "malformed"
  | "tooLong"
  /** The peer does not read what we send. */
  | "unread"
  | "stopped";

export interface Connections {
  /** False: there are too many, refuse it. */
  readonly enter: (transport: Transport, ip: string) => boolean;
  readonly leave: (ip: string) => void;
  readonly count: () => number;
  readonly refused: (transport: Transport, reason: Refusal) => void;
  readonly opened: (transport: Transport) => void;
  readonly closed: (transport: Transport, reason: Closing) => void;
}

export const make = (limits: Limits, counters: Counters): Connections => {
  const perSource = new Map<string, number>();
  let count = 0;
  const refused: Connections["refused"] = (transport, reason) => {
    counters.counter("edge_connections_refused_total", { transport, reason }).value++;
  };
  return {
    enter: (transport, ip) => {
      const source = networkOf(ip);
      const own = perSource.get(source) ?? 0;
      if (count >= limits.connections || own >= limits.connectionsPerSource) {
        refused(transport, count >= limits.connections ? "limit" : "sourceLimit");
        return false;
      }
      perSource.set(source, own + 1);
      count++;
      return true;
    },
    leave: (ip) => {
      const source = networkOf(ip);
      const left = (perSource.get(source) ?? 1) - 1;
      if (left > 0) perSource.set(source, left);
      else perSource.delete(source);
      count--;
    },
    count: () => count,
    refused,
    opened: (transport) => {
      counters.counter("edge_connections_opened_total", { transport }).value++;
    },
    closed: (transport, reason) => {
      counters.counter("edge_connections_closed_total", { transport, reason }).value++;
    },
  };
};

const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** The way of a socket from `accept` to a flow. */
export interface Guard {
  /** It has become a flow, or its refusal is counted. */
  readonly settled: (socket: Socket) => void;
}

/**
 * Counts the sockets of a TLS server from their acceptance, and those that never come to a flow:
 * the end of its socket is the one event that every failure has.
 */
export const guard = (
  server: Server,
  transport: Transport,
  connections: Connections,
): Guard => {
  const pending = new Map<string, "handshake" | "request">();
  server.on("connection", (socket: Socket) => {
    const ip = plainAddress(socket.remoteAddress ?? "");
    socket.on("error", () => {});
    if (!connections.enter(transport, ip)) return void socket.destroy();
    const name = nameOf(socket);
    pending.set(name, "handshake");
    socket.once("close", () => {
      connections.leave(ip);
      const reached = pending.get(name);
      if (pending.delete(name) && reached !== undefined) connections.refused(transport, reached);
    });
  });
  server.on("secureConnection", (socket: Socket) => {
    const name = nameOf(socket);
    if (pending.has(name)) pending.set(name, "request");
  });
  // Node ends such a socket itself, Deno does not.
  server.on("tlsClientError", (_error: unknown, socket: Socket) => void socket.destroy());
  return { settled: (socket) => void pending.delete(nameOf(socket)) };
};
