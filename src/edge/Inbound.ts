/** What comes in at the sockets: admission, parser, transactions, and on to requests or reports. */
import * as Dialog from "../sip/Dialog.ts";
import type * as Frame from "../sip/Frame.ts";
import * as Message from "../sip/Message.ts";
import * as Parser from "../sip/Parser.ts";
import * as Printer from "../sip/Printer.ts";
import * as ResponseRoute from "../sip/ResponseRoute.ts";
import * as Key from "../sip/transaction/Key.ts";
import * as Validate from "../sip/Validate.ts";
import type * as Admission from "./Admission.ts";
import { type Context, methods, traced, via } from "./Context.ts";
import type { Source } from "./Flows.ts";
import { reasonOf } from "./Identity.ts";
import type { Performer } from "./Performer.ts";
import * as Reports from "./Reports.ts";
import { pong, Requests } from "./Requests.ts";
import { type Answer, isStateless, type Pending, respond, text } from "./Responder.ts";

export interface Gates {
  /** Messages of a source address, before the parser. */
  readonly messages: Admission.Admission;
  /** New requests out of dialogs: above it 503. */
  readonly dialogs: Admission.Admission;
}

const overloaded = (cause: string): Answer => ({
  status: 503,
  fields: [["Retry-After", "10"]],
  cause,
});
const tooManyTransactions = overloaded("too many transactions");
const tooManyDialogs = overloaded("too many new dialogs of one source");

/** Methods that are understood, if only to refuse them with 405 or 489 instead of 501. */
const capabilities: Validate.Capabilities = {
  ...Validate.defaults,
  methods: new Set([...Validate.defaults.methods, ...methods]),
  extensions: new Set(["path"]),
  allowed: methods,
};

export class Inbound {
  private readonly context: Context;
  private readonly gates: Gates;
  private readonly performer: Performer;
  private readonly requests: Requests;
  private readonly counts;

  constructor(context: Context, gates: Gates, performer: Performer) {
    this.context = context;
    this.gates = gates;
    this.performer = performer;
    this.requests = new Requests(context);
    const dropped = (reason: string) =>
      context.counters.counter("edge_messages_dropped_total", { reason });
    this.counts = {
      requests: context.counters.counter("edge_messages_total", { kind: "request" }),
      responses: context.counters.counter("edge_messages_total", { kind: "response" }),
      pings: context.counters.counter("edge_messages_total", { kind: "ping" }),
      rate: dropped("rate"),
      malformed: dropped("malformed"),
      invalid: dropped("invalid"),
      stray: dropped("stray"),
      defect: dropped("defect"),
    };
  }

  /** A datagram; the octets may be used again afterwards. */
  datagram(octets: Uint8Array, length: number, ip: string, port: number): void {
    const exact = length === octets.length ? octets : octets.subarray(0, length);
    this.frame(exact, { transport: "udp", connection: 0, remote: { ip, port } });
  }

  /** A message of a WebSocket, or a datagram. */
  frame(octets: Uint8Array, source: Source): void {
    if (!this.admits(source.remote.ip)) return;
    const parsed = Parser.parse(octets);
    if (parsed.kind !== "keepAlive") return this.take(parsed, source);
    if (parsed.ping) this.pong(source);
  }

  /** What the octets of a connection were. */
  output(output: Frame.Output, source: Source): void {
    switch (output.kind) {
      case "message":
        if (this.admits(source.remote.ip)) this.take(output.message, source);
        return;
      case "ping":
        return this.pong(source);
      case "broken":
        return this.take(output.malformed, source);
    }
  }

  /** RFC 5626 section 3.5.1: a ping of two line ends is answered by one. */
  private pong(source: Source): void {
    this.counts.pings.value++;
    this.context.flows.send(source, "\r\n");
  }

  private admits(ip: string): boolean {
    const admitted = this.gates.messages.admit(ip, this.context.environment.now());
    if (!admitted) this.counts.rate.value++;
    return admitted;
  }

  /** A defect of ours costs the message that met it, never the socket that it came in by. */
  private take(parsed: Message.Message | Message.Malformed, source: Source): void {
    try {
      this.handle(parsed, source);
    } catch (cause) {
      this.counts.defect.value++;
      this.context.defect("a message could not be handled", cause);
      if (parsed.kind === "request" && parsed.method !== "ACK") this.apologise(parsed, source);
    }
  }

  /** Else the request's transaction would wait for its answer for ever. */
  private apologise(request: Message.Request, source: Source): void {
    const server = this.context.transactions.find(Key.server(request));
    const parts = server?.parts;
    if (server === undefined || parts === undefined) return;
    respond(this.context, { server, parts, source }, { status: 500, cause: "defect" });
  }

  private handle(parsed: Message.Message | Message.Malformed, source: Source): void {
    switch (parsed.kind) {
      case "request":
        this.counts.requests.value++;
        return this.request(parsed, source);
      case "response":
        this.counts.responses.value++;
        return this.response(parsed, source);
      case "malformed":
        return this.malformed(parsed, source);
    }
  }

  private malformed({ reason, reply, status }: Message.Malformed, source: Source): void {
    this.context.counters.counter("edge_messages_malformed_total", { reason }).value++;
    if (reply === undefined) this.counts.malformed.value++;
    else this.stateless(reply, source, { status, reason });
  }

  /** An answer that no transaction keeps: the same request gets the same answer. */
  private stateless(
    parts: Message.ReplyParts,
    source: Source,
    answer: Answer,
  ): void {
    this.refuse(answer);
    const stamped = ResponseRoute.stamp(parts, source.remote, true);
    this.context.flows.send(source, text(this.context, stamped, answer));
  }

  private refuse({ cause, reason, status }: Answer): void {
    this.context.refusals.count("edge", status, cause ?? reason);
  }

  private request(request: Message.Request, source: Source): void {
    if (request.method === "ACK") return this.ack(request);
    const refusal = Validate.request(request, capabilities);
    if (refusal !== undefined) {
      return this.stateless(Message.replyParts(request), source, refusal);
    }
    const parts = ResponseRoute.stamp(Message.replyParts(request), source.remote, true);
    if (this.requests.isPing(request)) {
      return void this.context.flows.send(source, pong(parts, this.context.incarnation));
    }
    const excess = this.excess(request, source);
    if (excess !== undefined) {
      this.refuse(excess);
      return void this.context.flows.send(source, text(this.context, parts, excess));
    }
    const reliable = source.transport !== "udp";
    const server = this.context.transactions.receive(
      request,
      reliable,
      (text) => void this.context.flows.send(source, text),
    );
    if (server === undefined) return;
    server.parts = parts;
    const pending: Pending = { server, parts, source };
    if (request.method === "CANCEL") return this.cancel(request, pending);
    this.requests.dispatch(request, pending);
  }

  /** New dialogs are refused under load; requests inside of dialogs never are. */
  private excess(request: Message.Request, { remote }: Source): Answer | undefined {
    if (request.to.tag !== undefined || request.method === "CANCEL") return undefined;
    const { context, gates } = this;
    if (context.transactions.find(Key.server(request)) !== undefined) return undefined;
    if (context.transactions.isFull) return tooManyTransactions;
    const admitted = gates.dialogs.admit(remote.ip, context.environment.now());
    return admitted ? undefined : tooManyDialogs;
  }

  private ack(request: Message.Request): void {
    if (this.context.transactions.acknowledges(request)) return;
    const { body, cseq, to: { tag = "" } } = request;
    // That of a challenge has no transaction to end.
    if (this.performer.acknowledged(tag, cseq, body) || isStateless(this.context, tag)) return;
    this.counts.stray.value++;
  }

  /** CANCEL gets its 200 at once (RFC 3261 section 9.2); what it does is the core's decision. */
  private cancel(request: Message.Request, pending: Pending): void {
    const reason = reasonOf(request);
    const invite = this.context.transactions.find(Key.cancelled(request));
    if (invite === undefined) return this.requests.strayCancel(request, pending, reason);
    pending.server.call = invite.call;
    if (invite.call !== undefined) {
      const line = `CANCEL ${request.uri}`;
      traced(this.context, invite.call, "in", pending.source, line, pending.parts.cseq);
    }
    respond(this.context, pending, { status: 200 });
    invite.onCancel?.(reason);
  }

  private response(response: Message.Response, source: Source): void {
    if (Validate.response(response) !== undefined) return void this.counts.invalid.value++;
    if (this.context.transactions.response(response)) return;
    const final = response.cseqMethod === "INVITE" && response.status >= 200;
    const owner = final ? Reports.ownerOf(this.context, response) : undefined;
    if (owner === undefined) return void this.counts.stray.value++;
    // The INVITE's transaction is gone: an earlier life of this edge, or another edge had it.
    if (response.status >= 300) return this.end(response, source, "ACK", response.via.branch);
    if (this.performer.repeatAck(response)) return;
    Reports.response(this.context, owner.to, owner.leg, response, source, (reply) => {
      if (reply?._tag === "Answered" && reply.status === 481) this.hangUp(response, source);
    });
  }

  /** A phone answered a call that nobody knows any more: ACK and BYE leave it in no doubt. */
  private hangUp(response: Message.Response, source: Source): void {
    for (const method of ["ACK", "BYE"] as const) {
      this.end(response, source, method, `z9hG4bK${response.from.tag}.${response.cseq}${method}`);
    }
  }

  /**
   * Ends what a final response leaves open, without the INVITE that it answers. The ACK of a
   * refusal has the INVITE's branch (RFC 3261 section 17.1.1.3): by that the phone knows it.
   */
  private end(
    response: Message.Response,
    source: Source,
    method: "ACK" | "BYE",
    branch: string | undefined,
  ): void {
    if (branch === undefined) return;
    const text = Printer.request({
      method,
      uri: Dialog.remoteTarget(response) ?? `sip:${source.remote.ip}:${source.remote.port}`,
      fields: [
        ["Via", via(this.context, source.transport, branch)],
        ["Max-Forwards", "70"],
        ["From", Message.first(response, "from") ?? ""],
        ["To", Message.first(response, "to") ?? ""],
        ["Call-ID", response.callId],
        ["CSeq", `${method === "BYE" ? response.cseq + 1 : response.cseq} ${method}`],
      ],
    });
    this.context.flows.send(source, text);
  }
}
