/** Requests that came in, as commands to the core; the core's reply becomes the response. */
import { Result } from "effect";
import type { CallCommand } from "../../schemas/Call.ts";
import { callActor, type LegId, userActor } from "../../schemas/Ids.ts";
import { maxSdp } from "../../schemas/Sip.ts";
import type { UserRequest } from "../../schemas/User.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Hash from "../kernel/Hash.ts";
import * as RoutingTag from "../kernel/RoutingTag.ts";
import * as Text from "../kernel/Text.ts";
import * as SdpParse from "../sdp/Parse.ts";
import * as Dialog from "../sip/Dialog.ts";
import * as MaxForwards from "../sip/MaxForwards.ts";
import * as Message from "../sip/Message.ts";
import * as SipReply from "../sip/Reply.ts";
import { capabilities, type Context, flowOf, traced } from "./Context.ts";
import type { To } from "./CoreLink.ts";
import type { Source } from "./Flows.ts";
import * as Identity from "./Identity.ts";
import type { Realm } from "./Realms.ts";
import * as Registrations from "./Registrations.ts";
import { type Answer, answerOf, type Pending, respond } from "./Responder.ts";

/** How long an INVITE may wait for the core, and any other request (RFC 4320). */
const inviteDeadlineMs = 32_000;
const otherDeadlineMs = 30_000;
/** RFC 3261 17.2.1: a 100 unless there is an answer within 200 ms. */
const tryingMs = 180;

const dialogOnly = new Set(["BYE", "PRACK", "UPDATE"]);
const eventMethods = new Set(["SUBSCRIBE", "NOTIFY", "PUBLISH"]);

/** A body that can be read, none, or why not. */
type Body =
  | { readonly sdp: string | null }
  | { readonly refused: Answer };

const tooLong: Answer = { status: 413, reason: `SDP of more than ${maxSdp} octets` };

const bodyOf = ({ body }: Message.Request): Body => {
  if (body === "") return { sdp: null };
  if (body.length > maxSdp) return { refused: tooLong };
  const parsed = SdpParse.parse(body);
  if (Result.isSuccess(parsed)) return { sdp: Text.flat(body) };
  const { cause, line } = parsed.failure;
  return {
    refused: { status: 400, reason: `SDP: ${cause} (line ${line})`, cause: `SDP: ${cause}` },
  };
};

/** 200 to OPTIONS tells what we can do (RFC 3261 section 11.2). */
const withCapabilities = (reply: Reply | undefined): Reply | undefined =>
  reply?._tag === "Answered" && reply.status === 200
    ? { ...reply, headers: [...capabilities, ...reply.headers] }
    : reply;

export class Requests {
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  /** Answers what the edge alone can answer; everything else goes to an actor. */
  dispatch(request: Message.Request, pending: Pending): void {
    if (request.to.tag !== undefined) return this.inDialog(request, pending);
    if (dialogOnly.has(request.method)) return this.answer(pending, 481);
    const realm = this.realmOf(request, pending.source);
    if (realm === undefined || this.isElsewhere(request, pending.source, realm)) {
      return this.answer(pending, 404, "No Such Domain");
    }
    switch (request.method) {
      case "INVITE":
        return this.invite(request, pending, realm);
      case "REGISTER":
        return this.register(request, pending, realm);
      default:
        return this.admit(request, pending, realm);
    }
  }

  /** OPTIONS to the edge itself: no user, no transaction, no actor (RFC 3261 section 11.2). */
  isPing(request: Message.Request): boolean {
    return request.method === "OPTIONS" && request.to.tag === undefined &&
      Identity.userAtHost(request.uri).user === "";
  }

  /** A CANCEL whose INVITE is not here may belong to another edge's. */
  strayCancel(request: Message.Request, pending: Pending, reason: string | null): void {
    const accepted = () => this.answer(pending, 200);
    const tag = RoutingTag.read(this.context.routing, request.to.tag ?? "");
    if (tag !== undefined) {
      const { call, cell, fork, leg, shard } = tag;
      const to: To = { cell, shard, actor: callActor(call), tenant: null };
      const { cseq } = request;
      const cancel: CallCommand = { _tag: "CancelMedia", leg: fork ? 0 : leg, cseq, reason };
      return this.ask(to, "cancel", request, cancel, pending, otherDeadlineMs, { accepted });
    }
    const found = this.realmOf(request, pending.source);
    if (found === undefined) return this.answer(pending, 481);
    const to = this.callOf(request, found);
    const cancel: CallCommand = { _tag: "CancelCall", reason };
    this.ask(to, "cancel", request, cancel, pending, otherDeadlineMs, { accepted });
  }

  private realmOf(request: Message.Request, { remote }: Source): Realm | undefined {
    const from = Identity.userAtHost(request.from.uri).host;
    const to = Identity.userAtHost(request.to.uri).host;
    const requestHost = Identity.userAtHost(request.uri).host;
    const hosts = request.method === "REGISTER" ? [to, requestHost] : [from, requestHost, to];
    return this.context.realms.find(remote.ip, hosts);
  }

  /** What is for another domain is not for the numbers of this one; a trunk may name any host. */
  private isElsewhere(request: Message.Request, { remote }: Source, realm: Realm): boolean {
    const { realms } = this.context;
    const uri = request.method === "REGISTER" ? request.to.uri : request.uri;
    return !realms.isTrunk(remote.ip) &&
      !realms.isHere(Identity.userAtHost(uri).host, realm.domain);
  }

  private answer(pending: Pending, status: number, reason?: string): void {
    const fields = status === 405 ? capabilities : [];
    respond(this.context, pending, { status, reason, fields });
  }

  /** The actor of the call that an INVITE makes (or made): the same on every edge. */
  private callOf(request: Message.Request, realm: Realm): To {
    const { callKey, shards } = this.context;
    const tag = request.from.tag ?? "";
    const token = RoutingTag.callToken(callKey, request.callId, tag, request.cseq);
    const actor = callActor(token);
    const shard = Hash.shardOf(actor, shards(realm.cell));
    return { cell: realm.cell, shard, actor, tenant: realm.tenant };
  }

  private invite(request: Message.Request, pending: Pending, realm: Realm): void {
    const { context } = this;
    const { parts, server, source } = pending;
    if (MaxForwards.next(request.maxForwards) === undefined) return this.answer(pending, 483);
    const contact = Dialog.remoteTarget(request);
    const routeSet = Dialog.routeSet(request);
    const body = bodyOf(request);
    if (contact === undefined || routeSet === undefined) {
      return this.answer(pending, 400, "Contact or Record-Route is missing or malformed");
    }
    if ("refused" in body) return respond(this.context, pending, body.refused);
    const to = this.callOf(request, realm);
    server.call = to.actor.slice("call/".length);
    const at = context.environment.now();
    const command: CallCommand = {
      _tag: "OfferCall",
      identity: Identity.requestIdentity(context, request, source, realm.domain),
      caller: Identity.identityOf(request.from),
      fromTag: Text.flat(request.from.tag ?? ""),
      path: Identity.pathOf(context, request, parts, source),
      contact: Text.flat(contact),
      natted: Identity.isNatted(contact, routeSet.length > 0, source),
      routeSet: routeSet.map(Text.flat),
      maxForwards: request.maxForwards ?? MaxForwards.initial,
      headers: Identity.carriedHeaders(request),
      sdp: body.sdp,
    };
    const call = server.call;
    const cancel = (reason: string | null): void => {
      const command: CallCommand = { _tag: "CancelCall", reason };
      const id = Identity.commandId("cancel", server.key);
      context.core.send(to, id, command, inviteDeadlineMs, () => {});
    };
    // A challenged INVITE makes no call: it has a place on no ladder.
    const shown = (reply: Reply | undefined): void => {
      if (reply?._tag === "Challenged") return;
      traced(context, call, "in", source, `INVITE ${request.uri}`, parts.cseq, at);
    };
    this.offer(to, "offer", request, command, pending, cancel, shown);
  }

  /** An INVITE on its way to the core: 100 in time, and no CANCEL before it arrived. */
  private offer(
    to: To,
    prefix: string,
    request: Message.Request,
    command: CallCommand,
    pending: Pending,
    cancel: (reason: string | null) => void,
    replied: (reply: Reply | undefined) => void = () => {},
  ): void {
    const { server } = pending;
    let known = false;
    let wanted: { readonly reason: string | null } | undefined;
    const timer = this.context.wheel.start(tryingMs, () => this.trying(pending));
    server.onCancel = (reason) => {
      if (known) cancel(reason);
      else wanted = { reason };
    };
    const settled = (reply: Reply | undefined): void => {
      this.context.wheel.stop(timer);
      replied(reply);
      known = true;
      if (wanted !== undefined) cancel(wanted.reason);
    };
    this.ask(to, prefix, request, command, pending, inviteDeadlineMs, {
      accepted: () => this.trying(pending),
      settled,
    });
  }

  private trying(pending: Pending): void {
    if (pending.server.last === undefined) respond(this.context, pending, { status: 100 });
  }

  private register(request: Message.Request, pending: Pending, realm: Realm): void {
    const { source } = pending;
    const identity = Identity.requestIdentity(this.context, request, source, realm.domain);
    const command = Registrations.commandOf(request, identity, source);
    if (command === undefined) return this.answer(pending, 400, "Contact or Path is malformed");
    const user = identity.digest?.username ?? identity.toUser;
    this.askUser(user, request, command, pending, realm, (reply) => {
      if (command.natted && source.transport === "udp" && reply?._tag === "Registered") {
        this.keepOpen(command, reply, source);
      }
      return reply;
    });
  }

  private keepOpen(
    { contacts }: Extract<UserRequest, { _tag: "RegisterContacts" }>,
    registered: Extract<Reply, { _tag: "Registered" }>,
    { remote }: Source,
  ): void {
    const own = registered.contacts.filter(({ uri }) => contacts.some((one) => one.uri === uri));
    const seconds = own.reduce((most, { expiresIn }) => Math.max(most, expiresIn), 0);
    const { environment, keepAlives } = this.context;
    keepAlives.keep(remote, seconds === 0 ? 0 : environment.now() + seconds * 1_000);
  }

  /** Methods that we do not serve are refused only to those who may know that. */
  private admit(request: Message.Request, pending: Pending, realm: Realm): void {
    const { source } = pending;
    const identity = Identity.requestIdentity(this.context, request, source, realm.domain);
    const user = identity.digest?.username ?? identity.fromUser;
    this.askUser(user, request, { _tag: "AdmitRequest", identity }, pending, realm, (reply) => {
      const admitted = reply?._tag === "Answered" && (reply.status === 200 || reply.status === 404);
      if (!admitted) return reply;
      if (request.method === "OPTIONS") return withCapabilities(reply);
      const status = eventMethods.has(request.method) ? 489 : 405;
      return { ...reply, status, reason: null };
    });
  }

  private askUser(
    user: string,
    request: Message.Request,
    command: UserRequest,
    pending: Pending,
    { cell, tenant }: Realm,
    change: (reply: Reply | undefined) => Reply | undefined = (reply) => reply,
  ): void {
    const actor = userActor(tenant, user);
    const shard = Hash.shardOf(actor, this.context.shards(cell));
    const to = { cell, shard, actor, tenant };
    this.ask(to, "user", request, command, pending, otherDeadlineMs, { change });
  }

  private inDialog(request: Message.Request, pending: Pending): void {
    const tag = RoutingTag.read(this.context.routing, request.to.tag ?? "");
    if (tag === undefined) return this.answer(pending, 481);
    const { call, cell, fork, shard } = tag;
    const to: To = { cell, shard, actor: callActor(call), tenant: null };
    const { parts, server, source } = pending;
    server.call = call;
    traced(this.context, call, "in", source, `${request.method} ${request.uri}`, parts.cseq);
    this.inLeg(request, pending, to, fork ? 0 : tag.leg);
  }

  private inLeg(request: Message.Request, pending: Pending, to: To, leg: LegId): void {
    const { callId, cseq } = request;
    const dialog = { leg, callId, remoteTag: request.from.tag ?? "", cseq };
    switch (request.method) {
      case "INVITE":
        return this.reinvite(request, pending, to, dialog);
      case "BYE": {
        const reason = Identity.reasonOf(request);
        const command: CallCommand = { _tag: "EndLeg", ...dialog, reason };
        return this.ask(to, "bye", request, command, pending, otherDeadlineMs);
      }
      case "OPTIONS": {
        const command: CallCommand = { _tag: "ProbeLeg", ...dialog };
        return this.ask(to, "probe", request, command, pending, otherDeadlineMs, {
          change: withCapabilities,
        });
      }
      default:
        return this.answer(pending, 405);
    }
  }

  private reinvite(
    request: Message.Request,
    pending: Pending,
    to: To,
    dialog: { readonly leg: LegId; callId: string; remoteTag: string; cseq: number },
  ): void {
    const body = bodyOf(request);
    if ("refused" in body) return respond(this.context, pending, body.refused);
    const { parts, source } = pending;
    const command: CallCommand = {
      _tag: "OfferMedia",
      ...dialog,
      path: Identity.pathOf(this.context, request, parts, source),
      contact: Dialog.remoteTarget(request) ?? null,
      sdp: body.sdp,
      flow: flowOf(this.context, source),
    };
    this.offer(to, "media", request, command, pending, (reason) => {
      const { cseq, leg } = dialog;
      const cancel: CallCommand = { _tag: "CancelMedia", leg, cseq, reason };
      const id = Identity.commandId("cancel", pending.server.key);
      this.context.core.send(to, id, cancel, inviteDeadlineMs, () => {});
    });
  }

  /** Sends a command and answers the request with the reply. */
  private ask(
    to: To,
    prefix: string,
    request: Message.Request,
    command: CallCommand | UserRequest,
    pending: Pending,
    deadlineMs: number,
    on: {
      readonly accepted?: () => void;
      readonly settled?: (reply: Reply | undefined) => void;
      readonly change?: (reply: Reply | undefined) => Reply | undefined;
    } = {},
  ): void {
    const { core } = this.context;
    const id = Identity.commandId(
      prefix,
      `${pending.server.key} ${request.method}`,
    );
    core.send(to, id, command, deadlineMs, (reply) => {
      on.settled?.(reply);
      const changed = on.change === undefined ? reply : on.change(reply);
      const answer = answerOf(changed, () => isSigned(request));
      if (answer === undefined) on.accepted?.();
      else respond(this.context, pending, answer);
    });
  }
}

const isSigned = (request: Message.Request): boolean =>
  Message.first(request, "authorization") !== undefined ||
  Message.first(request, "proxy-authorization") !== undefined;

/** 200 to a ping, without a transaction (RFC 3261 section 8.2.7). */
export const pong = (parts: Message.ReplyParts, tag: string): string =>
  SipReply.print(parts, { status: 200, toTag: tag, fields: capabilities });
