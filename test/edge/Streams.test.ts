/** What a connection may cost: too many, too slow, too quiet, too long. */
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import * as Hostile from "../support/Hostile.ts";
import * as RawStream from "../support/RawStream.ts";
import { until, within } from "../support/Until.ts";
import * as Rig from "./Rig.ts";

const closed = "edge_connections_closed_total";
const refused = "edge_connections_refused_total";
const endMs = 5_000;

const open = (rig: Rig.Rig, transport: RawStream.Transport) =>
  RawStream.open(transport, { remote: rig.place(transport), ca: rig.certificate });

/** A bare TCP connection to a door, whatever that would speak. */
const bare = async (rig: Rig.Rig, transport: RawStream.Transport) => {
  const { ip, port } = rig.place(transport);
  const socket: Socket = connect(port, ip);
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  socket.resume();
  await within("a connection", new Promise((resolve) => socket.once("connect", resolve)), endMs);
  return { socket, ended: () => within("the end of a connection", ended, endMs) };
};

const all = ["tcp", "tls", "wss"] as const;
const streams = ["tcp", "tls"] as const;

const time = (): void => {
  test.for(all)("%s: who opens a connection and says nothing is let go", async (transport) => {
    const rig = await Rig.start({ streams: { firstMs: 200 } });
    const peer = await open(rig, transport);
    await peer.ended();
    expect(rig.counted(closed, { transport, reason: "silent" })).toBe(1);
    expect(rig.edge.connections()).toBe(0);
  });

  test.for(streams)("%s: a head that drips is let go", async (transport) => {
    const rig = await Rig.start({ streams: { messageMs: 300 } });
    const peer = await open(rig, transport);
    const { text } = Hostile.build(peer);
    let sent = 0;
    // Each octet comes soon enough, the message does not.
    await until("the end by the edge", () => {
      if (!peer.isEnded() && sent < text.length - 2) peer.send(text[sent++] ?? "");
      return peer.isEnded();
    }, endMs);
    expect(sent).toBeLessThan(text.length - 2);
    expect(rig.counted(closed, { transport, reason: "slow" })).toBe(1);
  });

  test.for(streams)("%s: a body that does not come is let go", async (transport) => {
    const rig = await Rig.start({ streams: { messageMs: 300 } });
    const peer = await open(rig, transport);
    peer.send(Hostile.build(peer, { headers: { "Content-Length": "100" } }).text);
    await peer.ended();
    expect(rig.counted(closed, { transport, reason: "slow" })).toBe(1);
  });

  test.for(streams)("%s: line ends in front of a message hide nothing", async (transport) => {
    const rig = await Rig.start({ streams: { messageMs: 300 } });
    const peer = await open(rig, transport);
    expect((await Hostile.ask(peer)).status).toBe(200);
    peer.send("\rOPTIONS sip:x SIP/2.0\r\n");
    await peer.ended();
    expect(rig.counted(closed, { transport })).toBe(1);
  });

  test("wss: fragments that drip are let go", async () => {
    const rig = await Rig.start({ streams: { messageMs: 300 } });
    const peer = await open(rig, "wss");
    await until("the end by the edge", () => {
      if (!peer.isEnded()) peer.socket().send("x", { fin: false });
      return peer.isEnded();
    }, endMs);
    expect(rig.counted(closed, { transport: "wss", reason: "slow" })).toBe(1);
  });
};

const keepAlives = (): void => {
  test.for(all)("%s: without message or keep-alive it ends", async (transport) => {
    const rig = await Rig.start({ streams: { idleMs: 300 } });
    const peer = await open(rig, transport);
    expect((await Hostile.ask(peer)).status).toBe(200);
    await peer.ended();
    expect(rig.counted(closed, { transport, reason: "idle" })).toBe(1);
  });

  const pings = [
    ...all.map((transport) =>
      [transport, "line ends", (peer: RawStream.RawStream) => peer.send("\r\n\r\n")] as const
    ),
    ["wss", "pings", (peer: RawStream.RawStream) => peer.socket().ping()] as const,
  ];
  test.for(pings)("%s: %s keep it", async ([transport, , ping]) => {
    const rig = await Rig.start({ streams: { idleMs: 1_000, firstMs: 1_000 } });
    const [peer, idle] = [await open(rig, transport), await open(rig, transport)];
    // While it pings, others come to their end.
    for (const other of [idle, undefined]) {
      const silent = other ?? await open(rig, transport);
      await until("the end of an idle one", () => {
        ping(peer);
        return silent.isEnded();
      }, endMs);
      expect(peer.isEnded()).toBe(false);
    }
    expect((await Hostile.ask(peer)).status).toBe(200);
    await peer.close();
  });
};

const openings = (): void => {
  test.for(["tls", "wss"] as const)("%s: a handshake that stops is ended", async (transport) => {
    const rig = await Rig.start({ streams: { firstMs: 300 } });
    const peer = await bare(rig, transport);
    peer.socket.write(Uint8Array.from([22, 3, 1, 2, 0]));
    await peer.ended();
    await rig.counts(refused, { transport, reason: "handshake" }, 1);
  });

  test("wss: a request that does not come, or drips, is ended", async () => {
    const rig = await Rig.start({ streams: { firstMs: 300 } });
    for (const start of ["", "GET /ws HT"]) {
      const { ip, port } = rig.place("wss");
      const tcp = await bare(rig, "wss");
      const tls = await RawStream.secure(tcp.socket, {
        remote: { ip, port },
        ca: rig.certificate,
      });
      tls.write(start);
      await tcp.ended();
    }
    await rig.counts(refused, { transport: "wss", reason: "request" }, 2);
  });
};

const number = (): void => {
  test.for(all)("%s: of one source no more than the limit, half-open or not", async (transport) => {
    const rig = await Rig.start({ limits: { connectionsPerSource: 3 } });
    const first = await open(rig, transport);
    const half = [await bare(rig, transport), await bare(rig, transport)];
    const excess = await bare(rig, transport);
    await excess.ended();
    await rig.counts(refused, { transport, reason: "sourceLimit" }, 1);
    expect((await Hostile.ask(first)).status).toBe(200);
    // Room comes back.
    for (const { socket } of half) socket.destroy();
    await until("room for another", async () => {
      const next = await open(rig, transport).catch(() => undefined);
      if (next === undefined) return false;
      const { status } = await Hostile.ask(next, {}, 500).catch(() => ({ status: undefined }));
      await next.close();
      return status === 200;
    }, endMs);
    await first.close();
  });

  test("in all no more than the limit, over all transports", async () => {
    const rig = await Rig.start({ limits: { connections: 3 } });
    const peers = await Promise.all(all.map((transport) => open(rig, transport)));
    for (const peer of peers) expect((await Hostile.ask(peer)).status).toBe(200);
    const excess = await bare(rig, "tls");
    await excess.ended();
    await rig.counts(refused, { transport: "tls", reason: "limit" }, 1);
    await Promise.all(peers.map((peer) => peer.close()));
  });

  test.for(all)("%s: 200 connections that are reset leave nothing", async (transport) => {
    const rig = await Rig.start({ limits: { connectionsPerSource: 50 } });
    for (let round = 0; round < 8; round += 1) {
      const peers = await Promise.all(
        Array.from(
          { length: 25 },
          (_, n) => n % 2 === 0 ? open(rig, transport) : bare(rig, transport),
        ),
      );
      for (const peer of peers) {
        if ("reset" in peer) await peer.reset();
        else peer.socket.destroy();
      }
      await until("the end of all", () => rig.edge.connections() === 0, endMs);
    }
    const after = await open(rig, transport);
    expect((await Hostile.ask(after)).status).toBe(200);
    await after.close();
  });
};

const octets = (): void => {
  test.for(streams)("%s: a head that is too long is refused by name", async (transport) => {
    const rig = await Rig.start();
    const peer = await open(rig, transport);
    const headers = { "X-Long": Array.from({ length: 5 }, () => "x".repeat(8_000)) };
    peer.send(Hostile.build(peer, { headers }).text);
    await peer.ended();
    expect(peer.received.map(({ status }) => status)).toEqual([513]);
    expect(rig.counted(closed, { transport, reason: "tooLong" })).toBe(1);
    expect(rig.counted("edge_requests_refused_total", { status: "513" })).toBe(1);
  });

  test.for(streams)("%s: what is no SIP ends it and is counted", async (transport) => {
    const rig = await Rig.start();
    const peer = await open(rig, transport);
    peer.send("GET / HTTP/1.1\r\n\r\n");
    await peer.ended();
    expect(rig.counted(closed, { transport, reason: "malformed" })).toBe(1);
    expect(rig.counted("edge_messages_malformed_total")).toBe(1);
  });

  test.for(all)("%s: a peer that reads nothing does not fill our memory", async (transport) => {
    const rig = await Rig.start({ streams: { unread: 20_000 } });
    const peer = await open(rig, transport);
    const tcp = peer.tcp();
    tcp.pause();
    const { text } = Hostile.build(peer, { headers: { "Call-ID": "c".repeat(500) } });
    await until("the end by the edge", () => {
      for (let n = 0; n < 200; n += 1) peer.send(text);
      return rig.counted(closed, { transport, reason: "unread" }) === 1;
    }, 20_000);
    expect(rig.edge.connections()).toBe(0);
    const other = await open(rig, transport);
    expect((await Hostile.ask(other)).status).toBe(200);
    await other.close();
    tcp.destroy();
  });
};

describe("time of a message", time);
describe("keep-alives", keepAlives);
describe("openings", openings);
describe("number", number);
describe("octets", octets);
