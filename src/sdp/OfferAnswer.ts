/**
 * Offer and answer on one dialog: RFC 3264, with the places for them of RFC 3261 section 13, RFC
 * 3262 section 5, RFC 3311 section 5 and RFC 6337. It sees each message once (the transactions
 * absorb retransmissions), with its body or null. Early dialogs of a fork have a machine each.
 *
 * | offer in | answer in |
 * |---|---|
 * | INVITE | 2xx, or a reliable 1xx; an unreliable 1xx may show it before |
 * | 2xx | ACK |
 * | reliable 1xx | PRACK |
 * | PRACK | 2xx to PRACK |
 * | UPDATE | 2xx to UPDATE |
 */
import type { Step } from "../kernel/Step.ts";

export type Side = "us" | "peer";

export type Message =
  | "Invite"
  /** 1xx without RSeq. */
  | "Provisional"
  | "ReliableProvisional"
  /** 2xx to INVITE. */
  | "Success"
  /** Final failure of an INVITE, a time-out and a CANCEL that won included. */
  | "Failure"
  | "Ack"
  | "Prack"
  | "PrackSuccess"
  | "PrackFailure"
  | "Update"
  | "UpdateSuccess"
  | "UpdateFailure";

/** A message that `from` sends. Our own is put in before it is sent: `Forbidden` means do not. */
export interface Input {
  readonly from: Side;
  readonly message: Message;
  readonly body: string | null;
}

type Carrier = "Invite" | "ReliableProvisional" | "Success" | "Prack" | "Update";

/** An offer that waits for its answer. */
export interface Offer {
  readonly by: Side;
  readonly carrier: Carrier;
  readonly body: string;
}

/** An INVITE without its final response, or whose 2xx brought an offer and waits for the ACK. */
export interface Invite {
  readonly by: Side;
  readonly offered: boolean;
  /** The first description in its responses: all others must repeat it. */
  readonly response: string | null;
  /** Descriptions in force before it, to which a failure returns (RFC 3261 section 14.1). */
  readonly before: Agreed;
}

export interface Agreed {
  readonly local: string | null;
  readonly remote: string | null;
}

export interface State extends Agreed {
  readonly invite: Invite | null;
  readonly offer: Offer | null;
}

export type Output =
  /** `by` offered. From the peer: answer it, or refuse the request. */
  | { readonly _tag: "Offered"; readonly by: Side; readonly body: string }
  /** `by` answered. Not settled: a preview in an unreliable 1xx, media may flow already. */
  | {
    readonly _tag: "Answered";
    readonly by: Side;
    readonly body: string;
    readonly settled: boolean;
  }
  /** The answer came again, or a final response confirmed its preview: nothing changes. */
  | { readonly _tag: "AnswerRepeated"; readonly by: Side; readonly settled: boolean }
  /** `by`'s offer ended without an answer: what was agreed before stays in force. */
  | { readonly _tag: "OfferRefused"; readonly by: Side }
  /** A description that has no meaning here (RFC 3261 section 13.2.1 lets us ignore it). */
  | { readonly _tag: "Ignored"; readonly body: string; readonly cause: string }
  /** Answer the peer's request with this; for 500 add Retry-After of 0 ... 10 s. */
  | { readonly _tag: "Refused"; readonly status: 400 | 491 | 500; readonly cause: string }
  /** We must not send this message. */
  | { readonly _tag: "Forbidden"; readonly cause: string }
  /** The peer broke the rules where nothing can be refused any more: end the leg. */
  | { readonly _tag: "Violation"; readonly cause: string };

export const initial: State = { invite: null, offer: null, local: null, remote: null };

/** Another early dialog of our INVITE (a proxy forked it): nothing was answered there yet. */
export const fork = (state: State): State =>
  state.invite === null
    ? state
    : { ...state, ...state.invite.before, invite: { ...state.invite, response: null } };

type Result = readonly [State, ReadonlyArray<Output>];

const same = (state: State): Result => [state, []];

/** Nothing changes; our own message must not go out, the peer's description means nothing. */
const stray = (state: State, { from, body }: Input, cause: string): Result => {
  if (from === "us") return [state, [{ _tag: "Forbidden", cause }]];
  return [state, body === null ? [] : [{ _tag: "Ignored", body, cause }]];
};

/** A request in a bad moment: 491 when our own is under way, 500 when theirs is (RFC 3311 5.2). */
const clash = (state: State, from: Side, underWay: Side, cause: string): Result => {
  if (from === "us") return [state, [{ _tag: "Forbidden", cause }]];
  return [state, [{ _tag: "Refused", status: underWay === "us" ? 491 : 500, cause }]];
};

/** Something owed is missing. The state is that after the message has been sent. */
const missing = (before: State, after: State, from: Side, cause: string): Result =>
  from === "us"
    ? [before, [{ _tag: "Forbidden", cause }]]
    : [after, [{ _tag: "Violation", cause }, ...refusedOffer(before, after)]];

const refusedOffer = (before: State, after: State): ReadonlyArray<Output> =>
  before.offer !== null && after.offer === null
    ? [{ _tag: "OfferRefused", by: before.offer.by }]
    : [];

const offered = (state: State, by: Side, carrier: Carrier, body: string): Result => [
  { ...state, offer: { by, carrier, body } },
  [{ _tag: "Offered", by, body }],
];

/** Both descriptions of an exchange in force. */
const agree = (state: State, offer: Offer, answer: string): State =>
  offer.by === "us"
    ? { ...state, local: offer.body, remote: answer }
    : { ...state, local: answer, remote: offer.body };

const answered = (state: State, offer: Offer, by: Side, body: string): Result => [
  { ...agree(state, offer, body), offer: null },
  [{ _tag: "Answered", by, body, settled: true }],
];

const invited = (state: State, { from, body }: Input): Result => {
  const { invite, offer } = state;
  if (invite !== null) return clash(state, from, invite.by, "an INVITE is in progress");
  if (offer !== null) return clash(state, from, offer.by, "an offer is unanswered");
  const { local, remote } = state;
  const next: State = {
    ...state,
    invite: { by: from, offered: body !== null, response: null, before: { local, remote } },
  };
  return body === null ? same(next) : offered(next, from, "Invite", body);
};

/** A description in a response to an INVITE that carried an offer. */
const answerToInvite = (state: State, invite: Invite, input: Input, settled: boolean): Result => {
  const { from, body } = input;
  const { offer } = state;
  const open = offer !== null && offer.carrier === "Invite" ? offer : null;
  if (invite.response === null) {
    if (body === null) return same(state);
    if (open === null) return stray(state, input, "no offer of this INVITE is open");
    return [
      {
        ...agree(state, open, body),
        invite: { ...invite, response: body },
        offer: settled ? null : open,
      },
      [{ _tag: "Answered", by: from, body, settled }],
    ];
  }
  const next: State = settled && open !== null ? { ...state, offer: null } : state;
  if (body !== null && body !== invite.response) {
    const cause = "differs from the first description in the responses to this INVITE";
    return stray(from === "us" ? state : next, input, cause);
  }
  if (body === null && next === state) return same(state);
  return [next, [{ _tag: "AnswerRepeated", by: from, settled: next.offer === null }]];
};

/** True when a response to INVITE stands where none can: no INVITE, or of the same side. */
const noInvite = (invite: Invite | null, from: Side): invite is null =>
  invite === null || invite.by === from;

const provisional = (state: State, input: Input, reliable: boolean): Result => {
  const { invite } = state;
  const { from, body } = input;
  if (noInvite(invite, from)) return stray(state, input, "no INVITE to respond to");
  if (state.offer?.carrier === "Success") return stray(state, input, "provisional after the 2xx");
  if (invite.offered) return answerToInvite(state, invite, input, reliable);
  if (!reliable) {
    return body === null ? same(state) : stray(state, input, "an offer needs a reliable response");
  }
  if (invite.response === null) {
    if (body === null) return missing(state, state, from, "first reliable 1xx without an offer");
    const next = { ...state, invite: { ...invite, response: body } };
    return offered(next, from, "ReliableProvisional", body);
  }
  return body === null || body === invite.response
    ? same(state)
    : stray(state, input, "the offer of this INVITE was made");
};

const success = (state: State, input: Input): Result => {
  const { invite, offer } = state;
  const { from, body } = input;
  if (noInvite(invite, from)) return stray(state, input, "no INVITE to respond to");
  if (offer?.carrier === "Success") return stray(state, input, "the 2xx was sent");
  const done: State = { ...state, invite: null };
  if (invite.offered) {
    if (invite.response === null && body === null && offer?.carrier === "Invite") {
      return missing(state, { ...done, offer: null }, from, "2xx without the answer");
    }
    const [next, outputs] = answerToInvite(state, invite, input, true);
    const forbidden = outputs.some(({ _tag }) => _tag === "Forbidden");
    return [forbidden ? state : { ...next, invite: null }, outputs];
  }
  if (invite.response === null) {
    if (body === null) return missing(state, done, from, "2xx without an offer");
    return offered(state, from, "Success", body);
  }
  if (from === "us" && offer?.carrier === "ReliableProvisional") {
    return stray(state, input, "the PRACK with the answer is outstanding");
  }
  return body === null || body === invite.response
    ? same(done)
    : stray(from === "us" ? state : done, input, "the offer of this INVITE was made");
};

/** ACK of a 2xx. One without a body is always allowed, unless it owes an answer. */
const acknowledged = (state: State, input: Input): Result => {
  const { invite, offer } = state;
  const { from, body } = input;
  if (offer === null || offer.carrier !== "Success" || offer.by === from || invite === null) {
    return body === null ? same(state) : stray(state, input, "no offer to answer in the ACK");
  }
  const done: State = { ...state, invite: null };
  return body === null
    ? missing(state, { ...done, offer: null }, from, "ACK without the answer")
    : answered(done, offer, from, body);
};

/** The cause why `from` must not offer in PRACK or UPDATE now, and whose business is under way. */
const obstacle = (
  { invite, offer }: State,
): { readonly by: Side; readonly cause: string } | undefined => {
  if (offer !== null) return { by: offer.by, cause: "an offer is unanswered" };
  if (invite !== null && !invite.offered && invite.response === null) {
    return { by: invite.by, cause: "the INVITE waits for its offer" };
  }
  return undefined;
};

const offerIn = (state: State, input: Input, carrier: "Prack" | "Update"): Result => {
  if (input.body === null) return same(state);
  const hindered = obstacle(state);
  return hindered === undefined
    ? offered(state, input.from, carrier, input.body)
    : clash(state, input.from, hindered.by, hindered.cause);
};

const prack = (state: State, input: Input): Result => {
  const { offer } = state;
  const { from, body } = input;
  if (offer === null || offer.carrier !== "ReliableProvisional" || offer.by === from) {
    return offerIn(state, input, "Prack");
  }
  if (body !== null) return answered(state, offer, from, body);
  const cause = "PRACK without the answer";
  return from === "us"
    ? [state, [{ _tag: "Forbidden", cause }]]
    : [state, [{ _tag: "Refused", status: 400, cause }]];
};

const answerIn = (state: State, input: Input, carrier: "Prack" | "Update"): Result => {
  const { offer } = state;
  const { from, body } = input;
  if (offer === null || offer.carrier !== carrier || offer.by === from) {
    return body === null ? same(state) : stray(state, input, "no offer to answer");
  }
  return body === null
    ? missing(state, { ...state, offer: null }, from, `2xx to ${carrier} without the answer`)
    : answered(state, offer, from, body);
};

/** The offer that went out in the failed request (or within the failed INVITE) is refused. */
const failed = (state: State, from: Side, carrier: "Prack" | "Update"): Result => {
  const { offer } = state;
  if (offer === null || offer.carrier !== carrier || offer.by === from) return same(state);
  const after: State = { ...state, offer: null };
  return [after, refusedOffer(state, after)];
};

const inviteFailed = (state: State, input: Input): Result => {
  const { invite, offer } = state;
  if (noInvite(invite, input.from)) return stray(state, input, "no INVITE to respond to");
  if (offer?.carrier === "Success") return stray(state, input, "the 2xx was sent");
  const within = offer?.carrier === "Invite" || offer?.carrier === "ReliableProvisional";
  const after: State = {
    ...state,
    ...invite.before,
    invite: null,
    offer: within ? null : offer,
  };
  return [after, refusedOffer(state, after)];
};

/** Total: each input on each state gives a state and says what it means. */
export const step: Step<State, Input, Output> = (state, input) => {
  switch (input.message) {
    case "Invite":
      return invited(state, input);
    case "Provisional":
      return provisional(state, input, false);
    case "ReliableProvisional":
      return provisional(state, input, true);
    case "Success":
      return success(state, input);
    case "Failure":
      return inviteFailed(state, input);
    case "Ack":
      return acknowledged(state, input);
    case "Prack":
      return prack(state, input);
    case "PrackSuccess":
      return answerIn(state, input, "Prack");
    case "PrackFailure":
      return failed(state, input.from, "Prack");
    case "Update":
      return offerIn(state, input, "Update");
    case "UpdateSuccess":
      return answerIn(state, input, "Update");
    case "UpdateFailure":
      return failed(state, input.from, "Update");
  }
};
