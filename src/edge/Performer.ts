/**
 * Performs the effects of the core: once each, in order for each leg, of the current owner only.
 */
import { Result } from "effect";
import type { EdgeEffect, EffectBatch, EffectRef, Performed } from "../../schemas/Effect.ts";
import type { LegId } from "../../schemas/Ids.ts";
import type { CallCommand } from "../../schemas/Call.ts";
import * as SdpParse from "../sdp/Parse.ts";
import * as Address from "../sip/Address.ts";
import type { Response } from "../sip/Message.ts";
import * as Printer from "../sip/Printer.ts";
import * as ResponseRoute from "../sip/ResponseRoute.ts";
import * as Status from "../sip/Status.ts";
import * as Derive from "../sip/transaction/Derive.ts";
import * as Via from "../sip/Via.ts";
import * as Answers from "./Answers.ts";
import { type Context, traced } from "./Context.ts";
import type { To } from "./CoreLink.ts";
import type { Source } from "./Flows.ts";
import * as NextHop from "./NextHop.ts";
import * as Outgoing from "./Outgoing.ts";
import * as Reports from "./Reports.ts";
import type { Client, ClientUser, Server } from "./Transactions.ts";

type Of<Tag extends EdgeEffect["_tag"]> = Extract<EdgeEffect, { _tag: Tag }>;
type Verdict = Performed[number];

/** One effect with its place. */
interface Task {
  readonly to: To;
  readonly ref: EffectRef;
  readonly batch: Pick<EffectBatch, "cell" | "shard">;
}

const isEdgeEffect = (body: EffectBatch["effects"][number]["body"]): body is EdgeEffect =>
  body._tag === "SendResponse" || body._tag === "SendRequest" ||
  body._tag === "SendCancel" || body._tag === "SendAck";

interface Taken extends Omit<EffectRef, "actor"> {
  readonly verdict: Verdict;
}

/** Repeated 2xx get their ACK again for this long. */
const ackLifeMs = 32_000;
/** A call that is ringing hears so each minute (RFC 3261 section 13.3.1.1). */
const provisionalMs = 60_000;
/** A BYE waits as long as it would be repeated for a phone to come back, and asks so often. */
const byeLifeMs = 32_000;
const byeAgainMs = 2_000;

type Place = Pick<EffectRef, "epoch" | "sequence" | "index">;

const isAfter = (a: Place, b: Place): boolean =>
  a.epoch !== b.epoch
    ? a.epoch > b.epoch
    : a.sequence !== b.sequence
    ? a.sequence > b.sequence
    : a.index > b.index;

export class Performer {
  readonly answers: Answers.Answers;
  private readonly context: Context;
  /** Highest epoch of each shard. */
  private readonly epochs = new Map<string, number>();
  /**
   * Newest effect of each slot, by actor, and how it was taken: repetitions get the same verdict.
   * Two generations, each as long as an effect can be repeated.
   */
  private newest = new Map<string, ReadonlyArray<Taken>>();
  private older = new Map<string, ReadonlyArray<Taken>>();
  private newestSince = 0;
  /** ACKs of 2xx by dialog and CSeq. */
  private readonly acks = new Map<string, () => void>();

  constructor(context: Context) {
    this.context = context;
    this.answers = Answers.make(context.wheel);
  }

  /** Takes a batch of a core. */
  perform({ cell, effects, epoch, shard }: EffectBatch): Performed {
    const key = `${cell}.${shard}`;
    const known = this.epochs.get(key) ?? 0;
    if (epoch < known) return effects.map(() => "refused");
    this.epochs.set(key, epoch);
    return effects.map(({ body, ref }) => {
      if (!isEdgeEffect(body)) return "done";
      const repeated = this.repeated(ref);
      if (repeated !== undefined) return repeated;
      const to: To = { cell, shard, actor: ref.actor, tenant: null };
      const verdict = this.one(body, { to, ref, batch: { cell, shard } });
      this.remember(ref, verdict);
      return verdict;
    });
  }

  /** ACK for a 2xx of ours; a late offer's answer is its body. */
  acknowledged(tag: string, cseq: number, body: string): boolean {
    return this.answers.acknowledge(Answers.keyOf(tag, cseq), body);
  }

  /** A 2xx that comes again gets the same ACK again; false when we have none. */
  repeatAck(response: Response): boolean {
    const again = this.acks.get(dialogKey(response));
    again?.();
    return again !== undefined;
  }

  private repeated(ref: EffectRef): Verdict | undefined {
    const taken = this.newest.get(ref.actor) ?? this.older.get(ref.actor);
    const known = taken?.find(({ slot }) => slot === ref.slot);
    if (known === undefined || isAfter(ref, known)) return undefined;
    return isAfter(known, ref) ? "done" : known.verdict;
  }

  private remember({ actor, epoch, index, sequence, slot }: EffectRef, verdict: Verdict): void {
    const now = this.context.environment.now();
    if (now - this.newestSince > 2 * ackLifeMs) {
      this.older = this.newest;
      this.newest = new Map();
      this.newestSince = now;
    }
    const taken = this.newest.get(actor) ?? this.older.get(actor) ?? [];
    const others = taken.filter((one) => one.slot !== slot);
    this.newest.set(actor, [...others, { epoch, index, sequence, slot, verdict }]);
  }

  private one(body: EdgeEffect, task: Task): Verdict {
    switch (body._tag) {
      case "SendResponse":
        return this.respond(body, task);
      case "SendRequest":
        // RFC 3261 section 15: no BYE, and no new INVITE, before the ACK of our 2xx.
        this.answers.whenSettled(
          ownerOf(task, body.leg),
          () => this.request(body, task),
        );
        return "taken";
      case "SendCancel":
        // In the order of the INVITE that it cancels, which may wait itself.
        this.answers.whenSettled(
          ownerOf(task, body.leg),
          () => this.cancel(body, task),
        );
        return "taken";
      case "SendAck":
        this.ack(body, task);
        return "done";
    }
  }

  private finished({ batch, ref }: Task): void {
    this.context.done(batch, ref);
  }

  private report(task: Task, name: string, command: CallCommand): void {
    Reports.event(this.context, task.to, `${task.ref.actor} ${task.ref.sequence} ${name}`, command);
  }

  private respond(body: Of<"SendResponse">, task: Task): Verdict {
    const { context } = this;
    const { path, status } = body;
    const reliable = path.flow.transport !== "udp";
    const server = context.transactions.recall(
      path.transaction,
      true,
      reliable,
      nothing,
    );
    // Not the way that the request came: its connection may be gone.
    server.back = (text) => this.back(body, task, text);
    const call = Reports.callOf(task.to);
    server.call = call;
    const text = Outgoing.response(context, body);
    const line = `SIP/2.0 ${status} ${body.reason ?? Status.phrase(status)}`;
    traced(context, call, "out", sourceOf(body), line, `${path.cseq} ${path.method}`);
    context.transactions.respond(server, status, text);
    context.refusals.count("call", status);
    if (status >= 300) return "done";
    if (status < 200) {
      this.repeatProvisional(server);
      return "taken";
    }
    this.awaitAck(body, task, () => server.back(text));
    return "taken";
  }

  private repeatProvisional(server: Server): void {
    if (server.repeating) return;
    server.repeating = true;
    const { transactions, wheel } = this.context;
    const repeat = (): void => {
      if (server.state.name !== "proceeding" || server.last === undefined) return;
      transactions.respond(server, 180, server.last);
      wheel.start(provisionalMs, repeat);
    };
    wheel.start(provisionalMs, repeat);
  }

  /** To the sender of a request that may have come to another edge, or over a flow that is gone. */
  private back(body: Of<"SendResponse">, task: Task, text: string): void {
    const { context } = this;
    const { flow } = body.path;
    if (context.flows.isAlive(flow)) return void context.flows.send(sourceOf(body), text);
    if (flow.transport === "udp") return this.toVia(body, text);
    NextHop.another(context, task.to, body.leg, "", (to) => {
      if (to === undefined) this.toVia(body, text);
      else context.flows.send(to, text);
    });
  }

  private toVia({ path: { flow, vias } }: Of<"SendResponse">, text: string): void {
    const { context } = this;
    const via = Via.parse(vias[0] ?? "");
    if (via === undefined || flow.transport === "wss") return;
    const { host: ip, port } = ResponseRoute.destination(via);
    context.flows.connect(flow.transport, { ip, port }, (to) => {
      if (to !== undefined) context.flows.send(to, text);
    });
  }

  private awaitAck(body: Of<"SendResponse">, task: Task, repeat: () => void): void {
    const { leg, path, toTag } = body;
    const tag = toTag ?? Address.parse(path.to)?.tag ?? "";
    const { cseq } = path;
    this.answers.start(Answers.keyOf(tag, cseq), {
      owner: ownerOf(task, leg),
      repeat,
      acknowledged: (text) => {
        const call = Reports.callOf(task.to);
        traced(this.context, call, "in", sourceOf(body), "ACK", `${cseq} ACK`);
        const sdp = text !== "" && Result.isSuccess(SdpParse.parse(text)) ? text : null;
        if (body.awaitsAnswer) {
          this.report(task, "ack", { _tag: "ConfirmAnswer", leg, cseq, sdp });
        }
        this.finished(task);
      },
      timedOut: () => {
        this.report(task, "ackTimeout", { _tag: "ReportAckTimeout", leg, cseq });
        this.finished(task);
      },
    });
  }

  private request(body: Of<"SendRequest">, task: Task, until?: number): void {
    const { context } = this;
    const last = until ?? context.environment.now() + byeLifeMs;
    NextHop.obtain(context, task.to, body, Outgoing.octetsOf(body), (to) => {
      if (to === undefined) return this.wayless(body, task, last);
      const parts = Outgoing.request(context, body, to.transport);
      const line = `${body.method} ${parts.uri}`;
      traced(context, Reports.callOf(task.to), "out", to, line, `${body.cseq} ${body.method}`);
      const { cseq, leg, method } = body;
      const user = method === "INVITE" ? this.inviter(leg, cseq, task, to) : this.leaver(task, to);
      context.transactions.request(body.branch, parts, to, user);
    });
  }

  /** There is no way to the peer. An INVITE fails at once; a BYE waits for a phone to come back. */
  private wayless(body: Of<"SendRequest">, task: Task, until: number): void {
    const { environment, wheel } = this.context;
    if (body.method === "BYE" && environment.now() < until) {
      wheel.start(byeAgainMs, () => this.request(body, task, until));
    } else {
      this.failed(body.method, body.leg, body.cseq, task, "flow");
    }
  }

  private failed(
    method: Of<"SendRequest">["method"],
    leg: LegId,
    cseq: number,
    task: Task,
    failure: "timeout" | "transport" | "flow",
  ): void {
    if (method !== "INVITE") return this.finished(task);
    this.report(task, failure, { _tag: "ReportFailure", leg, cseq, failure });
  }

  /** What becomes of an INVITE. It outlives the set-up and so holds nothing of the effect. */
  private inviter(leg: LegId, cseq: number, task: Task, to: Source): ClientUser {
    const { context } = this;
    let last = "";
    return {
      response: (response) => {
        const { body: sdp, status, to: { tag } } = response;
        if (status === 100) return;
        const seen = `${status} ${tag} ${sdp.length}`;
        if (status < 200 && seen === last) return;
        last = seen;
        if (status >= 200 && status < 300 && this.repeatAck(response)) return;
        Reports.response(context, task.to, leg, response, to);
      },
      failed: (cause) => this.failed("INVITE", leg, cseq, task, cause),
    };
  }

  /** Whatever the answer to a BYE is, the leg is over. */
  private leaver(task: Task, to: Source): ClientUser {
    return {
      response: (response) => {
        if (response.status < 200) return;
        const line = `SIP/2.0 ${response.status} ${response.reason}`;
        const cseq = `${response.cseq} ${response.cseqMethod}`;
        traced(this.context, Reports.callOf(task.to), "in", to, line, cseq);
        this.finished(task);
      },
      failed: () => this.finished(task),
    };
  }

  private cancel(body: Of<"SendCancel">, task: Task): void {
    const { context } = this;
    const invite = context.transactions.findClient(body.branch, "INVITE");
    if (invite === undefined) {
      return NextHop.obtain(context, task.to, body, Outgoing.octetsOf(body), (to) => {
        if (to === undefined) return this.finished(task);
        this.sendCancel(body, task, Outgoing.cancel(context, body, to.transport), to);
      });
    }
    const state = invite.state.name;
    if (state !== "calling" && state !== "proceeding") return this.finished(task);
    context.transactions.cancelWhenProceeding(invite, () => this.cancelInvite(body, task, invite));
  }

  private cancelInvite(body: Of<"SendCancel">, task: Task, invite: Client): void {
    if (invite.request === undefined) return this.finished(task);
    const parts = Derive.cancel(invite.request);
    const reason = body.reason === null ? [] : [["Reason", body.reason] as const];
    this.sendCancel(body, task, { ...parts, fields: [...parts.fields, ...reason] }, invite.to);
    this.context.transactions.expire(invite);
  }

  private sendCancel(
    body: Of<"SendCancel">,
    task: Task,
    parts: Printer.RequestParts,
    to: Source,
  ): void {
    const line = `CANCEL ${parts.uri}`;
    traced(this.context, Reports.callOf(task.to), "out", to, line, `${body.cseq} CANCEL`);
    this.context.transactions.request(body.branch, parts, to, this.leaver(task, to));
  }

  private ack(body: Of<"SendAck">, task: Task): void {
    const { context } = this;
    NextHop.obtain(context, task.to, body, Outgoing.octetsOf(body), (to) => {
      if (to === undefined) return;
      const parts = Outgoing.ack(context, body, to.transport);
      const text = Printer.request(parts);
      traced(context, Reports.callOf(task.to), "out", to, `ACK ${parts.uri}`, `${body.cseq} ACK`);
      const send = (): void => void context.flows.send(to, text);
      const key = `${body.callId} ${body.cseq} ${Address.parse(body.to)?.tag ?? ""}`;
      this.acks.set(key, send);
      context.wheel.start(ackLifeMs, () => {
        if (this.acks.get(key) === send) this.acks.delete(key);
      });
      send();
    });
  }
}

const nothing = (): void => {};

const dialogKey = ({ callId, cseq, to }: Response): string => `${callId} ${cseq} ${to.tag ?? ""}`;

const ownerOf = ({ ref }: Task, leg: number): string => `${ref.actor} ${leg}`;

const sourceOf = ({ path: { flow } }: Of<"SendResponse">): Source => {
  const { connection, remote, transport } = flow;
  return { connection, remote, transport };
};
