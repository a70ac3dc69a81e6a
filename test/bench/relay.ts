/**
 * CPU of one relayed RTP packet through real sockets on Deno: 50 calls, 100 streams of 50 packets a
 * second, sent and received by another process. A JSON line: us of this process for each packet.
 */
import { Effect } from "effect";
import * as DenoUdp from "../../src/udp/Deno.ts";
import * as Engine from "../../src/media/Engine.ts";
import * as Environment from "../../src/media/Environment.ts";
import * as Packet from "../../src/rtp/Packet.ts";
import * as Counters from "../../src/telemetry/Counters.ts";

const worker = "127.0.0.1";
const peers = "127.0.0.2";
const calls = 50;
const windows = 9;
const windowMs = 1_000;
const frameMs = 20;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The other process: a socket for each stream, one packet each 20 ms, what comes back is read. */
const load = async (ports: ReadonlyArray<number>): Promise<void> => {
  const streams = ports.map((port, index) => ({
    socket: Deno.listenDatagram({ transport: "udp", hostname: peers, port: 0 }),
    to: { transport: "udp" as const, hostname: worker, port },
    bytes: new Uint8Array(172),
    index,
  }));
  for (const { socket } of streams) {
    const buffer = new Uint8Array(2_000);
    void (async () => {
      for (;;) await socket.receive(buffer);
    })();
  }
  const startMs = performance.now();
  for (let sequence = 0;; sequence++) {
    for (const { socket, to, bytes, index } of streams) {
      // Spread over the frame, as independent phones are.
      const dueMs = startMs + frameMs * (sequence + index / streams.length);
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await pause(waitMs);
      Packet.write(bytes, 0, false, sequence & 0xffff, sequence * 160, index);
      await socket.send(bytes, to);
    }
  }
};

const relayed = (counters: Counters.Counters): number =>
  counters.counter("media_sent_total", { kind: "rtp" }).value;

/** A relay between two peers, both latched by their packets. */
const connect = (engine: Engine.Engine, relay: string) =>
  Effect.gen(function* () {
    const endpoints = [{ leg: 0, stream: 0 }, { leg: 1, stream: 0 }];
    const reserved = yield* engine.request({ _tag: "ReserveRelay", relay, endpoints });
    if (reserved._tag !== "RelayReserved") throw new Error(reserved._tag);
    yield* engine.request({
      _tag: "ConfigureRelay",
      relay,
      generation: 1,
      endpoints: reserved.ports.map(({ leg, stream, port }) => ({
        leg,
        stream,
        port,
        remote: null,
        latchFrom: [peers],
        sdp: 1,
        receives: true,
        sends: true,
        connect: { _tag: "ToLeg" as const, leg: 1 - leg },
      })),
    });
    return reserved.ports.map(({ port }) => port);
  });

const measure = Effect.gen(function* () {
  const counters = Counters.make();
  const engine = yield* Engine.make({
    worker: "bench",
    incarnation: "bench",
    bind: worker,
    address: worker,
    ports: { first: 22_000, last: 22_999 },
    io: DenoUdp.make(),
    environment: Environment.live(),
    counters,
  });
  const ports: Array<number> = [];
  for (let call = 0; call < calls; call++) ports.push(...yield* connect(engine, `${call}`));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-net", import.meta.filename ?? "", "load", ports.join()],
  }).spawn();
  yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")));
  const latched = counters.counter("media_latched_total", { kind: "rtp" });
  while (latched.value < ports.length) yield* Effect.promise(() => pause(10));
  yield* Effect.promise(() => pause(windowMs));
  const costs: Array<number> = [];
  for (let window = 0; window < windows; window++) {
    const [cpu, before] = [process.cpuUsage(), relayed(counters)];
    yield* Effect.promise(() => pause(windowMs));
    const { user, system } = process.cpuUsage(cpu);
    costs.push((user + system) / (relayed(counters) - before));
  }
  return costs.sort((a, b) => a - b);
});

const [mode, ports = ""] = Deno.args;
if (mode === "load") await load(ports.split(",").map(Number));
else {
  const costs = await Effect.runPromise(Effect.scoped(measure));
  const [least = 0, median = 0, most = 0] = [costs[0], costs[windows >> 1], costs.at(-1)];
  const round = (value: number) => Number(value.toFixed(2));
  process.stdout.write(
    JSON.stringify({
      name: "rtp_relay_packet",
      value: round(median),
      unit: "us",
      spread: round(most - least),
    }) + "\n",
  );
  process.exit(0);
}
