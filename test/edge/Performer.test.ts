/** What the core decided, on the wire: once, in order, and of the current owner alone. */
import { expect, test } from "vitest";
import type { EdgeEffect, EffectBatch } from "../../schemas/Effect.ts";
import type { ResponsePath } from "../../schemas/Sip.ts";
import * as Hostile from "../support/Hostile.ts";
import * as RawSip from "../support/RawSip.ts";
import * as RawStream from "../support/RawStream.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";
import * as Rig from "./Rig.ts";

const actor = "call/aaaaaaaaaaaaaaaa";
const waitMs = 5_000;
const offer = Sip.audio({ ip: "127.0.0.1", port: 40_000 });

interface Placed {
  readonly sequence: number;
  readonly slot?: string;
  readonly epoch?: number;
  readonly body: EdgeEffect;
}

const batch = ({ body, epoch = 1, sequence, slot = "bye:0" }: Placed): EffectBatch => ({
  cell: "a",
  shard: 0,
  epoch,
  effects: [{
    ref: { actor, epoch, sequence, index: 0, slot },
    deadline: Date.now() + 60_000,
    body,
  }],
});

const bye = (to: Sip.Address, other: Partial<EdgeEffect> = {}): EdgeEffect => ({
  _tag: "SendRequest",
  leg: 0,
  target: `sip:1001@${to.ip}:${to.port}`,
  routeSet: [],
  from: "<sip:b@one.test>;tag=ours",
  to: "<sip:a@one.test>;tag=theirs",
  callId: "call-1",
  cseq: 2,
  branch: `z9hG4bK${Sip.token()}`,
  hop: { flow: null, flowOnly: false },
  method: "BYE",
  maxForwards: 70,
  contactUser: "b",
  headers: [],
  sdp: null,
  ...other,
} as EdgeEffect);

/** The response path of an INVITE, as the core was told it. */
const invited = async (rig: Rig.Rig, socket: RawSip.RawSip): Promise<ResponsePath> => {
  const headers = { "Content-Type": "application/sdp" };
  const uri = `sip:1002@${Rig.domain}`;
  socket.send(Hostile.build(socket, { method: "INVITE", uri, headers, body: offer }).text);
  await socket.next("100", ({ status }) => status === 100);
  const command = rig.commands.map(({ command }) => command)
    .find(({ _tag }) => _tag === "OfferCall");
  if (command?._tag !== "OfferCall") throw new Error("no offer");
  return command.path;
};

const answer = (path: ResponsePath, status = 200): EdgeEffect => ({
  _tag: "SendResponse",
  leg: 0,
  path,
  status,
  reason: null,
  toTag: "ours",
  contactUser: "1002",
  headers: [],
  sdp: status === 200 ? offer : null,
  awaitsAnswer: false,
});

const accepting: Rig.Options = { answer: () => ({ _tag: "Accepted" }) };

const isBye = (one: Sip.Message) => one.isRequest && one.method === "BYE";
const isOk = (one: Sip.Message) => one.status === 200;

test("an effect that comes again is not sent again, and gets the same verdict", async () => {
  const rig = await Rig.start();
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  const first = batch({ sequence: 5, body: bye(socket.local) });
  expect(await rig.perform(first)).toEqual(["taken"]);
  const received = await socket.next("BYE", isBye);
  expect(await rig.perform(first)).toEqual(["taken"]);
  socket.send(Sip.respond(received, "200 OK"));
  // What is older of the same slot is over.
  expect(await rig.perform(batch({ sequence: 4, body: bye(socket.local) }))).toEqual(["done"]);
  const later = batch({ sequence: 6, body: bye(socket.local) });
  expect(await rig.perform(later)).toEqual(["taken"]);
  const second = await socket.next(
    "the next BYE",
    (one) => isBye(one) && Sip.header(one, "via") !== Sip.header(received, "via"),
  );
  expect(socket.received.filter(isBye).map((one) => Sip.header(one, "via"))).toEqual([
    Sip.header(received, "via"),
    Sip.header(second, "via"),
  ]);
  await socket.close();
});

test("effects of an older owner of the shard are refused", async () => {
  const rig = await Rig.start();
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  const of = (epoch: number, sequence: number) =>
    rig.perform(batch({ epoch, sequence, body: bye(socket.local) }));
  expect(await of(3, 1)).toEqual(["taken"]);
  expect(await of(2, 9)).toEqual(["refused"]);
  expect(await of(3, 2)).toEqual(["taken"]);
  expect(await of(4, 1)).toEqual(["taken"]);
  await until("three BYEs", () => socket.received.filter(isBye).length >= 3, waitMs);
  const vias = new Set(socket.received.filter(isBye).map((one) => Sip.header(one, "via")));
  expect(vias.size).toBe(3);
  await socket.close();
});

test("a BYE waits for the ACK of our 2xx (RFC 3261 section 15)", async () => {
  const rig = await Rig.start(accepting);
  const socket = await RawSip.udp({ remote: rig.place("udp") });
  const path = await invited(rig, socket);
  await rig.perform(batch({ sequence: 1, slot: "response:0", body: answer(path) }));
  await rig.perform(batch({ sequence: 2, body: bye(socket.local) }));
  const ok = await socket.next("200", isOk);
  await socket.next("the 200 again, unacknowledged", isOk);
  expect(socket.received.filter(isBye)).toEqual([]);
  const [invite] = socket.sent;
  const ack = Hostile.build(socket, {
    method: "ACK",
    headers: {
      "From": Sip.header(ok, "from"),
      "To": Sip.header(ok, "to"),
      "Call-ID": Sip.header(ok, "call-id"),
      "CSeq": "1 ACK",
    },
  });
  expect(invite).toContain("INVITE");
  socket.send(ack.text);
  await socket.next("BYE", isBye);
  await socket.close();
});

test("a final response goes to the Via when its connection is gone", async () => {
  const rig = await Rig.start(accepting);
  const socket = await RawStream.open("tcp", { remote: rig.place("tcp") });
  const path = await invited(rig, socket);
  await socket.reset();
  await until("the end of the flow", () => rig.edge.connections() === 0, waitMs);
  const listening = await RawStream.listen(socket.local);
  await rig.perform(batch({ sequence: 1, slot: "response:0", body: answer(path, 486) }));
  const answered = await until("the answer", () => listening.messages[0], waitMs);
  expect(answered.status).toBe(486);
  // The core was asked for another flow of the caller first.
  expect(rig.commands.map(({ command }) => command._tag)).toEqual(["OfferCall", "FindFlow"]);
  await listening.close();
});

test("a BYE that finds no way is tried again until there is one", async () => {
  let flow: ResponsePath["flow"] | null = null;
  const rig = await Rig.start({
    answer: ({ command }) =>
      command._tag === "FindFlow" ? { _tag: "FlowFound", flow } : { _tag: "Accepted" },
  });
  const gone = await RawStream.open("tcp", { remote: rig.place("tcp") });
  const { flow: lost } = await invited(rig, gone);
  await gone.reset();
  await until("the end of the flow", () => rig.edge.connections() === 0, waitMs);
  const body = bye(gone.local, { hop: { flow: lost, flowOnly: true } } as Partial<EdgeEffect>);
  expect(await rig.perform(batch({ sequence: 1, body }))).toEqual(["taken"]);
  const asked = () => rig.commands.filter(({ command }) => command._tag === "FindFlow").length;
  await until("a question", () => asked() > 0, waitMs);
  await gone.reopen();
  expect((await Hostile.ask(gone)).status).toBe(200);
  flow = { ...lost, connection: lost.connection + 1, remote: gone.local };
  const received = await gone.next("BYE on the new connection", isBye, waitMs);
  gone.send(Sip.respond(received, "200 OK"));
  expect(asked()).toBeGreaterThan(1);
  await gone.close();
});
