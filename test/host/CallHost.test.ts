/** What the host verifies and mints before a call decides; cores and media worker are scripted. */
import { Effect, Schema } from "effect";
import { describe, expect, test } from "vitest";
import { CallEvent } from "../../schemas/CallEvent.ts";
import type { CallCommand } from "../../schemas/Call.ts";
import type { Addressed, CommandEnvelope } from "../../schemas/Envelope.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { Destination, Trunk } from "../../schemas/Tenant.ts";
import type { Bus } from "../../src/bus/Bus.ts";
import { decider } from "../../src/call/Call.ts";
import * as CallHost from "../../src/host/CallHost.ts";
import * as Base32 from "../../src/kernel/Base32.ts";
import { flow, path, policy, sdp } from "../property/CallModel.ts";

const trunk: Trunk = {
  id: "carrier",
  address: { ip: "2001:db8::9", port: 65_535 },
  transport: "tcp",
  inbound: true,
  username: null,
  credential: null,
};

type Answer = (command: CommandEnvelope["command"]) => Reply;

/** A bus on which every actor gives the scripted answer and the media worker has ports. */
const busOf = (answer: Answer): Bus["Service"] => ({
  request: (subject, payload) => {
    if (subject.startsWith("media.")) {
      const { endpoints } = payload as { endpoints: ReadonlyArray<{ leg: number }> };
      const ports = endpoints.map((endpoint, n) => ({ ...endpoint, port: 10_000 + 2 * n }));
      const held = { worker: "m1", incarnation: "boot", address: "127.0.0.1", ports };
      return Effect.succeed({ _tag: "RelayReserved", ...held });
    }
    const { id, command } = payload as CommandEnvelope;
    return Effect.succeed({ id, epoch: 1, reply: answer(command) });
  },
  serve: () => Effect.void,
  publish: () => Effect.void,
  subscribe: () => Effect.void,
});

const hostOf = (answer: Answer) =>
  CallHost.make({
    address: { bus: busOf(answer), cell: "a", shards: 64, now: () => 1_000 },
    random: (size) => new Uint8Array(size).fill(7),
    routing: { current: new Uint8Array(32), previous: null },
    media: { worker: "m1", refused: () => {} },
  });

type Offer = Extract<CallCommand, { _tag: "OfferCall" }>;

const offerOf = (fromUser: string, dialled: string, username: string | null): Offer => ({
  _tag: "OfferCall",
  identity: {
    method: "INVITE",
    requestUser: dialled,
    requestHost: "demo.test",
    fromUser,
    fromHost: "demo.test",
    toUser: dialled,
    toHost: "demo.test",
    source: flow(5070),
    digest: username === null ? null : {
      username,
      realm: "demo.test",
      nonce: "n",
      uri: "sip:demo.test",
      response: "0".repeat(64),
      algorithm: "SHA-256",
      cnonce: "c",
      nc: "00000001",
    },
  },
  caller: { display: "", user: fromUser },
  fromTag: "caller",
  path: path(1),
  contact: "sip:1001@127.0.0.1:5070",
  natted: false,
  routeSet: [],
  maxForwards: 70,
  headers: [],
  sdp: sdp(40_000),
});

const envelopeOf = (command: Offer): Addressed => ({
  id: "offer/1",
  cell: "a",
  shard: 0,
  tenant: "demo",
  actor: `call/${Base32.encode(new Uint8Array(10))}`,
  deadline: 32_000,
  causation: "",
  traceparent: null,
  command,
});

const authenticated = (destination: Destination, from: Trunk | null): Reply => ({
  _tag: "Authenticated",
  display: "Ada",
  policy,
  trunk: from,
  destination,
});

/** The refusal of an offer, or the events that it comes to. */
const outcome = async (answer: Answer, offer: Offer) => {
  const host = hostOf(answer);
  const envelope = envelopeOf(offer);
  const prepared = await Effect.runPromise(host.prepare(envelope, undefined)!);
  if (prepared._tag === "Reply") return { refused: prepared.reply, events: [] };
  const { actor, tenant } = envelope;
  const context = { at: 1_000, actor, tenant, shard: { cell: "a", shard: 0 }, epoch: 1 };
  const input = { _tag: "Command", command: offer, facts: prepared.facts } as const;
  const { events } = decider.decide(
    decider.initial,
    host.stamp(context, decider.initial, input),
  );
  return { refused: undefined, events };
};

const isEvent = Schema.is(CallEvent);
const toTrunk = () => authenticated({ _tag: "Trunk", trunk }, null);

describe("numbers that a journal must be able to hold", () => {
  const long = ["9".repeat(256), ";".repeat(85), "ü".repeat(42)];
  const tooLong = ["9".repeat(257), ";".repeat(86), "ü".repeat(43), "#".repeat(512)];

  test.each(long)("to a trunk: %s is called", async (dialled) => {
    const { events } = await outcome(toTrunk, offerOf("1001", dialled, "1001"));
    expect(events.map(({ _tag }) => _tag)).toContain("LegStarted");
    expect(events.filter((event) => !isEvent(event))).toEqual([]);
  });

  test.each(tooLong)("to a trunk: %s gets 414", async (dialled) => {
    const { refused } = await outcome(toTrunk, offerOf("1001", dialled, "1001"));
    expect(refused).toMatchObject({ _tag: "Answered", status: 414 });
  });

  test("from a trunk: a caller's number that is too long gets 400", async () => {
    const answer = () => authenticated({ _tag: "Feature", feature: "echo" }, trunk);
    const { events } = await outcome(answer, offerOf("9".repeat(256), "*43", null));
    expect(events.map((event) => isEvent(event))).toEqual([true, true, true]);
    const { refused } = await outcome(answer, offerOf("9".repeat(257), "*43", null));
    expect(refused).toMatchObject({ _tag: "Answered", status: 400 });
  });

  test("a redirection to such a number leads nowhere", async () => {
    const host = hostOf(() => ({
      _tag: "Routed",
      policy,
      trunk: null,
      destination: { _tag: "Trunk", trunk },
    }));
    const offer = offerOf("1001", "1002", "1001");
    const { events } = await outcome(toTrunk, offer);
    const found = await Effect.runPromise(host.perform({
      actor: envelopeOf(offer).actor,
      tenant: "demo",
      state: events.reduce(decider.evolve, decider.initial),
      effect: {
        performer: { _tag: "Host" },
        slot: "targets:1",
        standing: false,
        body: {
          _tag: "FindTargets",
          leg: 1,
          users: ["9".repeat(300), "0301234"],
          depth: 0,
          slots: [2, 3, 4, 5],
        },
      },
    }));
    const uris = found?._tag === "AddTargets" ? found.targets.map(({ uri }) => uri) : [];
    expect(uris).toEqual(["sip:0301234@[2001:db8::9]:65535;transport=tcp"]);
  });
});

describe("who calls", () => {
  test("nobody speaks under another's name", async () => {
    const { refused } = await outcome(toTrunk, offerOf("1002", "0301234", "1001"));
    expect(refused).toMatchObject({ _tag: "Answered", status: 403 });
  });

  test("a challenge is passed on", async () => {
    const challenge: Reply = {
      _tag: "Challenged",
      realm: "demo.test",
      nonce: "n",
      algorithms: ["SHA-256"],
      stale: false,
    };
    const { refused } = await outcome(() => challenge, offerOf("1001", "1002", null));
    expect(refused).toEqual(challenge);
  });

  test("a number that is nobody's is 404, and no port is asked for", async () => {
    const nobody = () => authenticated({ _tag: "Unknown" }, null);
    const { events } = await outcome(nobody, offerOf("1001", "4711", "1001"));
    expect(events.map(({ _tag }) => _tag)).toEqual(["CallOffered", "CallEnded"]);
    expect(events[1]).toMatchObject({ cause: "notFound", status: 404, endedBy: "engine" });
  });
});

describe("who rings", () => {
  const binding = (n: number, q: string | null) => ({
    uri: `sip:1002@127.0.0.1:${6_000 + n}`,
    key: `sip:1002@127.0.0.1:${6_000 + n}`,
    instance: null,
    regId: null,
    q,
    since: 0,
    expiresAt: 9_000,
    path: [],
    flow: flow(6_000 + n),
    natted: false,
    callId: "c",
    cseq: 1,
    userAgent: "",
  });
  const targetsFor = async (qs: ReadonlyArray<string | null>) => {
    const bindings = qs.map((q, n) => binding(n, q));
    const { events } = await outcome(
      ({ _tag }) =>
        _tag === "LookUpContacts"
          ? { _tag: "Contacts", known: true, display: "Grace", bindings }
          : authenticated({ _tag: "User", extension: "1002" }, null),
      offerOf("1001", "1002", "1001"),
    );
    return events.flatMap((event) =>
      event._tag === "LegStarted" ? [Number(event.target.slice(-4)) - 6_000] : []
    );
  };

  test("every phone of the user, each on a leg of its own", async () => {
    expect(await targetsFor([null, "0.1", "1.0"])).toHaveLength(3);
  });

  test("of more than eight those with the highest q, then the newest", async () => {
    const rung = await targetsFor(["0.2", "0.5", "1.0", ...Array<null>(6).fill(null), "0.3"]);
    expect(rung.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await targetsFor(Array<null>(9).fill(null))).toSorted()).toEqual([
      ...[1, 2, 3, 4, 5, 6, 7, 8],
    ]);
  });
});
