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
import { type Context, methods, via } from "./Context.ts";
import type { Source } from "./Flows.ts";
import { reasonOf } from "./Identity.ts";
import type { Performer } from "./Performer.ts";
import * as Reports from "./Reports.ts";
import { pong, Requests } from "./Requests.ts";
import { type Pending, respond, text } from "./Responder.ts";

export interface Gates {
  /** Messages of a source address, before the parser. */
  readonly messages: Admission.Admission;
  /** New requests out of dialogs: above it 503. */
  readonly dialogs: Admission.Admission;
}

const overloaded = { status: 503, fields: [["Retry-After", "10"]] as const };

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
      rate: dropped("rate"),
      malformed: dropped("malformed"),
      invalid: dropped("invalid"),
      stray: dropped("stray"),
      dialogs: context.counters.counter("edge_requests_refused_total", { reason: "rate" }),
      full: context.counters.counter("edge_requests_refused_total", { reason: "transactions" }),
    };
  }

  /** A datagram; the octets may be used again afterwards. */
  datagram(octets: Uint8Array, length: number, ip: string, port: number): void {
    if (!this.admits(ip)) return;
    const parsed = Parser.parse(length === octets.length ? octets : octets.subarray(0, length));
    const source: Source = { transport: "udp", connection: 0, remote: { ip, port } };
    if (parsed.kind === "keepAlive") {
      if (parsed.ping) this.context.flows.send(source, "\r\n");
      return;
    }
    this.take(parsed, source);
  }

  /** A message of a WebSocket. */
  frame(octets: Uint8Array, source: Source): void {
    if (!this.admits(source.remote.ip)) return;
    const parsed = Parser.parse(octets);
    if (parsed.kind === "keepAlive") return void this.context.flows.send(source, "\r\n");
    this.take(parsed, source);
  }

  /** Octets of a connection; false when it must be closed. */
  stream(framer: Frame.Framer, chunk: Uint8Array, source: Source): boolean {
    for (const output of framer.push(chunk)) {
      switch (output.kind) {
        case "message":
          if (this.admits(source.remote.ip)) this.take(output.message, source);
          break;
        case "ping":
          this.context.flows.send(source, "\r\n");
          break;
        case "broken":
          this.take(output.malformed, source);
          return false;
      }
    }
    return true;
  }

  private admits(ip: string): boolean {
    const admitted = this.gates.messages.admit(ip, this.context.environment.now());
    if (!admitted) this.counts.rate.value++;
    return admitted;
  }

  private take(parsed: Message.Message | Message.Malformed, source: Source): void {
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
    this.counts.malformed.value++;
    if (reply !== undefined) this.stateless(reply, source, { status, reason });
  }

  /** An answer that no transaction keeps: the same request gets the same answer. */
  private stateless(
    parts: Message.ReplyParts,
    source: Source,
    answer: Parameters<typeof text>[2],
  ): void {
    const stamped = ResponseRoute.stamp(parts, source.remote, true);
    this.context.flows.send(source, text(this.context, stamped, answer));
  }

  private request(request: Message.Request, source: Source): void {
    if (request.method === "ACK") return this.ack(request);
    const refusal = Validate.request(request, capabilities);
    if (refusal !== undefined) {
      this.counts.invalid.value++;
      return this.stateless(Message.replyParts(request), source, refusal);
    }
    const parts = ResponseRoute.stamp(Message.replyParts(request), source.remote, true);
    if (this.requests.isPing(request)) {
      return void this.context.flows.send(source, pong(parts, this.context.incarnation));
    }
    if (this.refusesNew(request, source)) {
      return void this.context.flows.send(source, text(this.context, parts, overloaded));
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
  private refusesNew(request: Message.Request, { remote }: Source): boolean {
    if (request.to.tag !== undefined || request.method === "CANCEL") return false;
    const { context, counts, gates } = this;
    if (context.transactions.find(Key.server(request)) !== undefined) return false;
    if (context.transactions.isFull) {
      counts.full.value++;
      return true;
    }
    const admitted = gates.dialogs.admit(remote.ip, context.environment.now());
    if (!admitted) counts.dialogs.value++;
    return !admitted;
  }

  private ack(request: Message.Request): void {
    if (this.context.transactions.acknowledges(request)) return;
    const { body, cseq, to } = request;
    if (!this.performer.acknowledged(to.tag ?? "", cseq, body)) this.counts.stray.value++;
  }

  /** CANCEL gets its 200 at once (RFC 3261 section 9.2); what it does is the core's decision. */
  private cancel(request: Message.Request, pending: Pending): void {
    const reason = reasonOf(request);
    const invite = this.context.transactions.find(Key.cancelled(request));
    if (invite === undefined) return this.requests.strayCancel(request, pending, reason);
    pending.server.call = invite.call;
    respond(this.context, pending, { status: 200 });
    invite.onCancel?.(reason);
  }

  private response(response: Message.Response, source: Source): void {
    if (Validate.response(response) !== undefined) return void this.counts.invalid.value++;
    if (this.context.transactions.response(response)) return;
    const success = response.cseqMethod === "INVITE" && response.status >= 200 &&
      response.status < 300;
    const owner = success ? Reports.ownerOf(this.context, response) : undefined;
    if (owner === undefined) return void this.counts.stray.value++;
    // The INVITE's transaction is gone: an earlier life of this edge, or another edge had it.
    if (this.performer.repeatAck(response)) return;
    Reports.response(this.context, owner.to, owner.leg, response, source, (reply) => {
      if (reply?._tag === "Answered" && reply.status === 481) this.hangUp(response, source);
    });
  }

  /** A phone answered a call that nobody knows any more: ACK and BYE leave it in no doubt. */
  private hangUp(response: Message.Response, source: Source): void {
    const target = Dialog.remoteTarget(response) ??
      `sip:${source.remote.ip}:${source.remote.port}`;
    for (const [method, number] of [["ACK", response.cseq], ["BYE", response.cseq + 1]] as const) {
      const branch = `z9hG4bK${response.from.tag}.${number}${method}`;
      const text = Printer.request({
        method,
        uri: target,
        fields: [
          ["Via", via(this.context, source.transport, branch)],
          ["Max-Forwards", "70"],
          ["From", Message.first(response, "from") ?? ""],
          ["To", Message.first(response, "to") ?? ""],
          ["Call-ID", response.callId],
          ["CSeq", `${number} ${method}`],
        ],
      });
      this.context.flows.send(source, text);
    }
  }
}
