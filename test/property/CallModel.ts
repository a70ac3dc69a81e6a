/** Random lives of a call: moves that make sense in some state, aimed by small numbers. */
import fc from "fast-check";
import type { CallCommand } from "../../schemas/Call.ts";
import type { HostEffect } from "../../schemas/Effect.ts";
import type { Flow, ResponsePath } from "../../schemas/Sip.ts";
import type { Command, Minted, Target } from "../../src/call/Command.ts";
import { deadlineOf } from "../../src/call/Call.ts";
import type { State } from "../../src/call/State.ts";

export const flow = (port: number): Flow => ({
  edge: "e1",
  incarnation: "boot1",
  transport: "udp",
  connection: 0,
  remote: { ip: "127.0.0.1", port },
});

export const sdp = (port: number, direction = "sendrecv"): string =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n` +
  `m=audio ${port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=${direction}\r\n`;

export const path = (cseq: number, to = "<sip:1002@demo.test>"): ResponsePath => ({
  transaction: `z9hG4bKmodel${cseq} 127.0.0.1:5070 INVITE`,
  method: "INVITE",
  vias: [`SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKmodel${cseq};rport=5070;received=127.0.0.1`],
  from: '"Ada" <sip:1001@demo.test>;tag=caller',
  to,
  callId: "call-of-ada",
  cseq,
  recordRoutes: [],
  flow: flow(5070),
});

export const policy = {
  tenant: "demo",
  domain: "demo.test",
  exceptions: ["plainMedia", "plainSignalling", "md5Digest"],
  mediaNetworks: ["127.0.0.0/8"],
  limits: { ringMs: 60_000, maxCallMs: 3_600_000, maxBindings: 10 },
} as const;

const target = (n: number): Target => ({
  party: { _tag: "User", extension: `${1002 + n}`, display: "Grace" },
  uri: `sip:${1002 + n}@127.0.0.1:${5080 + n}`,
  routeSet: [],
  hop: { flow: flow(5080 + n), flowOnly: n % 2 === 1 },
  edge: n % 3 === 2 ? "e2" : "e1",
});

const minted = (prefix: string, count: number): ReadonlyArray<Minted> =>
  Array.from({ length: count }, (_, n) => ({
    callId: `id-${prefix}-${n}`,
    tag: `tag-${prefix}-${n}`,
    forkTag: `fork-${prefix}-${n}`,
  }));

const relay = (slots: number) => ({
  call: "token",
  worker: "m1",
  incarnation: "boot1",
  address: "127.0.0.1",
  ports: Array.from({ length: slots }, (_, leg) => ({ leg, stream: 0, port: 10_000 + 2 * leg })),
});

const weighted = <A>(...options: ReadonlyArray<readonly [weight: number, value: A]>) =>
  fc.oneof(...options.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

/** How a call begins: mostly well, so that lives get far. */
const beginning = fc.record({
  targets: weighted([1, 0], [6, 1], [4, 2], [2, 3]),
  feature: weighted<null | "echo" | "tone">([12, null], [1, "echo"], [1, "tone"]),
  late: weighted([3, false], [1, true]),
  refused: weighted([20, false], [1, true]),
  media: weighted<"relay" | "exhausted">([20, "relay"], [1, "exhausted"]),
});
export type Beginning = typeof beginning extends fc.Arbitrary<infer A> ? A : never;

/** One move: what, at which leg, and a number that varies it. */
const move = fc.record({
  kind: weighted(
    [6, "progress"],
    [4, "early"],
    [3, "fork"],
    [2, "takeBack"],
    [9, "answer"],
    [2, "refuse"],
    [2, "redirect"],
    [2, "fail"],
    [8, "offer"],
    [4, "lateOffer"],
    [2, "bye"],
    [1, "cancel"],
    [6, "confirm"],
    [1, "ackTimeout"],
    [3, "probe"],
    [1, "deadline"],
    [2, "edgeLost"],
    [4, "targets"],
    [2, "stray"],
    [1, "again"],
    [3, "twice"],
    [2, "staleDeadline"],
    [2, "staleReport"],
    [1, "dead"],
  ),
  leg: weighted([5, 0], [8, 1], [3, 2], [1, 3], [1, 4]),
  salt: fc.integer({ min: 0, max: 7 }),
});
export type Move = typeof move extends fc.Arbitrary<infer A> ? A : never;

export const life = fc.record({
  beginning,
  moves: fc.array(move, { maxLength: 40 }),
});

export const offerOf = (given: Beginning, at: number): Command => ({
  _tag: "Offer",
  at,
  tag: "tag-caller",
  minted: minted("0", given.targets),
  command: {
    _tag: "OfferCall",
    identity: {
      method: "INVITE",
      requestUser: "1002",
      requestHost: "demo.test",
      fromUser: "1001",
      fromHost: "demo.test",
      toUser: "1002",
      toHost: "demo.test",
      source: flow(5070),
      digest: null,
    },
    caller: { display: "Ada", user: "1001" },
    fromTag: "caller",
    path: path(1),
    contact: "sip:1001@127.0.0.1:5070",
    natted: false,
    routeSet: [],
    maxForwards: 70,
    headers: [],
    sdp: given.late ? null : sdp(40_000),
  },
  facts: {
    policy,
    caller: { _tag: "User", extension: "1001", display: "Ada" },
    dialled: "1002",
    refusal: given.refused ? { status: 404, cause: "notFound" } : null,
    targets: Array.from(
      { length: given.feature === null ? given.targets : 0 },
      (_, n) => target(n),
    ),
    feature: given.feature,
  },
  relay: given.media === "relay" ? relay(1 + given.targets) : "exhausted",
});

const response = (
  state: State,
  leg: number,
  status: number,
  body: string | null,
  salt: number,
) => ({
  leg,
  cseq: state.legs[leg]?.cseq ?? 1,
  status,
  reason: "",
  remoteTag: salt === 7 ? "another-phone" : `remote-${leg}`,
  contact: `sip:phone@127.0.0.1:${5080 + leg}`,
  routeSet: [],
  headers: [],
  sdp: body,
  flow: flow(5080 + leg),
});

const wire = (at: number, command: Exclude<CallCommand, { _tag: "OfferCall" }>): Command => ({
  _tag: "Wire",
  at,
  tag: "",
  minted: minted(`w${at}`, 1),
  command,
  relay: null,
});

/** The command of a move in a state; undefined where it would mean nothing. */
export const commandOf = (
  state: State,
  { kind, leg, salt }: Move,
  step: number,
): Command | undefined => {
  const at = 1_000_000 + step * 1_000;
  const of = state.legs[leg];
  const dialog = {
    leg,
    callId: of?.callId ?? "unknown",
    remoteTag: salt === 6 ? "forged" : of?.remoteTag ?? "",
    cseq: 10 + step,
  };
  const body = salt % 2 === 0 ? sdp(41_000 + salt) : null;
  switch (kind) {
    case "progress":
      return wire(at, { _tag: "ReportProgress", ...response(state, leg, 180, null, 0) });
    case "early":
      return wire(at, {
        _tag: "ReportProgress",
        ...response(state, leg, 183, sdp(42_000 + leg), 0),
      });
    case "fork":
      // Another phone behind the same target shows itself, or the first one again.
      return wire(at, {
        _tag: "ReportProgress",
        ...response(state, leg, 183, sdp(44_000 + salt), salt),
        remoteTag: salt % 2 === 0 ? "another-phone" : `remote-${leg}`,
      });
    case "takeBack": {
      const cseq = (of?.path?.cseq ?? 1) + (salt === 0 ? 1 : 0);
      return wire(at, { _tag: "CancelMedia", leg, cseq, reason: salt === 1 ? "SIP" : null });
    }
    case "answer":
      return wire(at, {
        _tag: "ReportAnswer",
        ...response(state, leg, 200, salt === 5 ? null : sdp(42_000 + leg), salt),
      });
    case "refuse": {
      const status = [486, 480, 404, 488, 500, 503, 603, 491][salt]!;
      return wire(at, {
        _tag: "ReportRefusal",
        ...response(state, leg, status, null, 0),
        redirectedTo: [],
      });
    }
    case "redirect":
      return wire(at, {
        _tag: "ReportRefusal",
        ...response(state, leg, 302, null, 0),
        redirectedTo: salt === 0 ? [] : ["1003"],
      });
    case "fail": {
      const failure = (["timeout", "transport", "flow"] as const)[salt % 3]!;
      return wire(at, { _tag: "ReportFailure", leg, cseq: of?.cseq ?? 1, failure });
    }
    case "offer":
    case "lateOffer":
      return wire(at, {
        _tag: "OfferMedia",
        ...dialog,
        path: path(dialog.cseq, "<sip:1002@demo.test>;tag=ours"),
        contact: null,
        sdp: kind === "offer" ? sdp(43_000 + salt, salt % 2 === 0 ? "sendonly" : "sendrecv") : null,
        flow: flow(5080 + leg),
      });
    case "bye":
      return wire(at, { _tag: "EndLeg", ...dialog, reason: null });
    case "cancel":
      return wire(at, { _tag: "CancelCall", reason: null });
    case "confirm":
      return wire(at, { _tag: "ConfirmAnswer", leg, cseq: of?.remoteCseq ?? 1, sdp: body });
    case "ackTimeout":
      return wire(at, { _tag: "ReportAckTimeout", leg, cseq: of?.remoteCseq ?? 1 });
    case "probe":
      return wire(at, { _tag: "ProbeLeg", ...dialog });
    case "stray":
      return wire(at, { _tag: "EndLeg", ...dialog, callId: "other", reason: null });
    case "again":
      return {
        ...offerOf({ targets: 1, feature: null, late: false, refused: false, media: "relay" }, at),
      };
    case "deadline":
      return passed(state, at, step);
    case "staleDeadline":
      return stale(state, salt, at, step);
    case "staleReport":
      // A 2xx of an earlier INVITE of the leg, from a network that kept it.
      return wire(at, {
        _tag: "ReportAnswer",
        ...response(state, leg, 200, sdp(42_000 + leg), salt),
        cseq: (of?.cseq ?? 1) - 1,
      });
    case "dead":
      return wire(at, {
        _tag: "ReportRefusal",
        ...response(state, leg, salt % 2 === 0 ? 481 : 408, null, 0),
        redirectedTo: [],
      });
    case "targets":
    case "twice":
    case "edgeLost":
      // Not of this state alone: see `CallLife`.
      return undefined;
  }
};

/** The deadline that the call waits for, as if it were due. */
export const passed = (state: State, at: number, step: number): Command | undefined => {
  const deadline = deadlineOf(state);
  return deadline === undefined ? undefined : {
    _tag: "DeadlinePassed",
    at,
    tag: "",
    minted: minted(`d${step}`, state.legs.length),
    name: deadline.name,
    generation: deadline.generation,
  };
};

/** A deadline that fires although the call does not wait for it (any more). */
const stale = (state: State, salt: number, at: number, step: number): Command | undefined => {
  const due = deadlineOf(state);
  const name = (["ring", "recover", "duration", "unheard-of"] as const)[salt % 4]!;
  const generation = due?.name === name ? due.generation + 1 + salt : 0;
  return {
    _tag: "DeadlinePassed",
    at,
    tag: "",
    minted: minted(`s${step}`, state.legs.length),
    name,
    generation,
  };
};

/** What the lookup of a redirection came to; without one, the answer to a lookup of nowhere. */
export const added = (
  lookup: HostEffect | undefined,
  salt: number,
  at: number,
  step: number,
): Command => {
  const { leg, depth, slots } = lookup ?? { leg: 1, depth: 0, slots: [20, 21] };
  const used = slots.slice(0, salt % 3);
  return {
    _tag: "Targets",
    at,
    tag: "",
    minted: minted(`t${step}`, used.length),
    command: {
      _tag: "AddTargets",
      leg,
      targets: used.map((_, n) => target(n + 3)),
      slots: used,
      depth,
      relay: used.length === 0 ? null : salt === 7 ? "exhausted" : relay(used.at(-1)! + 1),
    },
  };
};
