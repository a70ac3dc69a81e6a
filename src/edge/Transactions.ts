/**
 * The transactions of an edge (RFC 3261 section 17): the tables of `sip/transaction` with their
 * timers, and the messages that they send again.
 */
import type { Step } from "../kernel/Step.ts";
import type { Request, Response } from "../sip/Message.ts";
import * as Printer from "../sip/Printer.ts";
import * as Reply from "../sip/Reply.ts";
import * as Message from "../sip/Message.ts";
import * as Derive from "../sip/transaction/Derive.ts";
import * as InviteClient from "../sip/transaction/InviteClient.ts";
import * as InviteServer from "../sip/transaction/InviteServer.ts";
import * as Key from "../sip/transaction/Key.ts";
import * as Machine from "../sip/transaction/Machine.ts";
import * as NonInviteClient from "../sip/transaction/NonInviteClient.ts";
import * as NonInviteServer from "../sip/transaction/NonInviteServer.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Source } from "./Flows.ts";
import type { Timer, TimerWheel } from "./TimerWheel.ts";

type State = Machine.State<string>;
type Table = Step<State, string, Machine.Output>;

const tables = (reliable: boolean) => {
  const config = { ...Machine.defaults, reliable };
  const of = <Name extends string, Input extends string>(
    step: Step<Machine.State<Name>, Input, Machine.Output>,
  ): Table => step as unknown as Table;
  return {
    inviteServer: of(InviteServer.make(config)),
    inviteClient: of(InviteClient.make(config)),
    server: of(NonInviteServer.make(config)),
    client: of(NonInviteClient.make(config)),
  };
};

interface Common {
  readonly key: string;
  readonly table: Table;
  state: State;
  /** What was sent last. */
  last: string | undefined;
  /** Those that run; at most two at once. */
  timers: Array<readonly [Machine.Timer, Timer]>;
}

export interface Server extends Common {
  readonly kind: "server";
  readonly invite: boolean;
  /** Sends to whoever asked. */
  back: (text: string) => void;
  /** Of its request, when it was this edge that got it: for a late 100. */
  parts: Message.ReplyParts | undefined;
  /** The call that its request belongs to, once known. */
  call: string | undefined;
  /** Its provisional response is sent again each minute. */
  repeating: boolean;
  /** What a CANCEL of it does. */
  onCancel: ((reason: string | null) => void) | undefined;
}

export interface Client extends Common {
  readonly kind: "client";
  readonly invite: boolean;
  readonly to: Source;
  /** Until a 2xx: then nothing is derived from it any more. */
  request: Printer.RequestParts | undefined;
  readonly user: ClientUser;
  /** A CANCEL waits for the first provisional response. */
  cancel: (() => void) | undefined;
}

/** Who sent the request. */
export interface ClientUser {
  readonly response: (response: Response, transaction: Client) => void;
  readonly failed: (cause: "timeout" | "transport") => void;
}

export interface Ports {
  readonly wheel: TimerWheel;
  readonly counters: Counters;
  /** Sends a request's text; false when the flow is gone. */
  readonly send: (to: Source, text: string) => boolean;
  /** Most transactions at a time: above, new requests get 503. */
  readonly limit: number;
}

const cancelLifeMs = 32_000;

export class Transactions {
  private readonly servers = new Map<string, Server>();
  private readonly clients = new Map<string, Client>();
  private readonly ports: Ports;
  private readonly reliable = tables(true);
  private readonly unreliable = tables(false);
  private readonly absorbed;

  constructor(ports: Ports) {
    this.ports = ports;
    this.absorbed = ports.counters.counter("edge_retransmissions_absorbed_total");
  }

  get size(): number {
    return this.servers.size + this.clients.size;
  }

  get isFull(): boolean {
    return this.size >= this.ports.limit;
  }

  /**
   * The transaction of a new request; undefined when it was a retransmission, or an ACK that ends
   * one. `back` sends to its sender.
   */
  receive(
    request: Request,
    reliable: boolean,
    back: (text: string) => void,
  ): Server | undefined {
    const key = Key.server(request);
    const known = this.servers.get(key) ?? this.untagged(request);
    if (known !== undefined) {
      if (request.method !== "ACK") this.absorbed.value++;
      this.input(known, request.method === "ACK" ? "ack" : "request");
      return undefined;
    }
    return this.open(key, request.method === "INVITE", reliable, back);
  }

  /** True when an ACK belongs to a transaction here, which it ends or leaves to the 2xx's owner. */
  acknowledges(ack: Request): boolean {
    const known = this.servers.get(Key.server(ack)) ?? this.untagged(ack);
    if (known === undefined || !known.invite) return false;
    this.input(known, "ack");
    if (known.state.name !== "accepted") return true;
    settle(known);
    return false;
  }

  /** A server transaction by its key; made anew (another edge had it) when it is not here. */
  recall(key: string, invite: boolean, reliable: boolean, back: (text: string) => void): Server {
    return this.servers.get(key) ?? this.open(key, invite, reliable, back);
  }

  find(key: string): Server | undefined {
    return this.servers.get(key);
  }

  /** Sends a response to the request of a server transaction. */
  respond(server: Server, status: number, text: string): void {
    const input = server.invite ? InviteServer.inputOf(status) : NonInviteServer.inputOf(status);
    if (input !== undefined) this.input(server, input, text);
    if (status >= 200) {
      server.parts = undefined;
      server.onCancel = undefined;
    }
  }

  /** Sends a final response to a request, and forgets that it came. */
  answerOnce(server: Server, text: string): void {
    server.back(text);
    this.forget(server);
  }

  /** Sends a request; its key is the branch and the method. */
  request(
    branch: string,
    request: Printer.RequestParts,
    to: Source,
    user: ClientUser,
  ): Client {
    const invite = request.method === "INVITE";
    const own = to.transport === "udp" ? this.unreliable : this.reliable;
    const key = Key.client(branch, request.method);
    const client: Client = {
      kind: "client",
      key,
      invite,
      to,
      request,
      user,
      table: invite ? own.inviteClient : own.client,
      state: Machine.initial,
      last: undefined,
      timers: [],
      cancel: undefined,
    };
    this.clients.set(key, client);
    this.input(client, "start", Printer.request(request));
    return client;
  }

  findClient(branch: string, method: string): Client | undefined {
    return this.clients.get(Key.client(branch, method));
  }

  /** False when the response belongs to no request of ours that is still open. */
  response(response: Response): boolean {
    const key = Key.answered(response);
    const client = key === undefined ? undefined : this.clients.get(key);
    if (client === undefined) return false;
    const input = client.invite
      ? InviteClient.inputOf(response.status)
      : NonInviteClient.inputOf(response.status);
    this.input(client, input, undefined, response);
    if (client.state.name === "accepted" || client.state.name === "completed") {
      client.last = undefined;
      if (client.state.name === "accepted") client.request = undefined;
    }
    if (client.cancel !== undefined && client.state.name === "proceeding") {
      const cancel = client.cancel;
      client.cancel = undefined;
      cancel();
    }
    return true;
  }

  /** CANCELs an INVITE: at once when it got a provisional, else when it gets one. */
  cancelWhenProceeding(client: Client, cancel: () => void): void {
    if (client.state.name === "calling") client.cancel = cancel;
    else if (client.state.name === "proceeding") cancel();
  }

  /** RFC 3261 9.1: an INVITE that was cancelled and gets no final response is over after 64 T1. */
  expire(client: Client): void {
    const timer = this.ports.wheel.start(cancelLifeMs, () => {
      if (client.state.name !== "proceeding") return;
      this.forget(client);
      client.user.failed("timeout");
    });
    client.timers.push(["M", timer]);
  }

  private untagged(request: Request): Server | undefined {
    const key = Key.untagged(request);
    return key === undefined ? undefined : this.servers.get(key);
  }

  private open(
    key: string,
    invite: boolean,
    reliable: boolean,
    back: (text: string) => void,
  ): Server {
    const own = reliable ? this.reliable : this.unreliable;
    const server: Server = {
      kind: "server",
      key,
      invite,
      back,
      table: invite ? own.inviteServer : own.server,
      state: Machine.initial,
      last: undefined,
      timers: [],
      parts: undefined,
      call: undefined,
      repeating: false,
      onCancel: undefined,
    };
    this.servers.set(key, server);
    this.input(server, "request");
    return server;
  }

  private input(
    transaction: Server | Client,
    input: string,
    text?: string,
    response?: Response,
  ): void {
    const [next, outputs] = transaction.table(transaction.state, input);
    transaction.state = next;
    for (const output of outputs) {
      // A send that failed has ended it: nothing of it may run on.
      if (next.name !== "terminated" && transaction.state.name === "terminated") return;
      this.output(transaction, output, text, response);
    }
  }

  private output(
    transaction: Server | Client,
    output: Machine.Output,
    text: string | undefined,
    response: Response | undefined,
  ): void {
    switch (output.kind) {
      case "send":
        transaction.last = text;
        return this.transmit(transaction, text);
      case "resend":
        return this.transmit(transaction, transaction.last);
      case "sendAck":
        return this.acknowledge(transaction, response);
      case "deliver":
        if (transaction.kind === "client" && response !== undefined) {
          transaction.user.response(response, transaction);
        }
        return;
      case "inform":
        if (transaction.kind === "client" && output.cause !== "noAck") {
          transaction.user.failed(output.cause);
        }
        return;
      case "start":
        return this.startTimer(transaction, output.timer, output.ms);
      case "stop":
        return this.stopTimer(transaction, output.timer);
      case "terminated":
        return this.forget(transaction);
      case "send100":
        if (transaction.kind === "client" || transaction.parts === undefined) return;
        transaction.last = trying(transaction.parts);
        return this.transmit(transaction, transaction.last);
    }
  }

  private transmit(transaction: Server | Client, text: string | undefined): void {
    if (text === undefined) return;
    if (transaction.kind === "server") return transaction.back(text);
    if (!this.ports.send(transaction.to, text)) this.input(transaction, "transportError");
  }

  private acknowledge(transaction: Server | Client, response: Response | undefined): void {
    if (transaction.kind !== "client" || response === undefined) return;
    if (transaction.request === undefined) return;
    const to = Message.first(response, "to") ?? "";
    const ack = Printer.request(Derive.ack(transaction.request, to));
    this.ports.send(transaction.to, ack);
  }

  private startTimer(transaction: Server | Client, name: Machine.Timer, ms: number): void {
    this.stopTimer(transaction, name);
    const timer = this.ports.wheel.start(ms, () => {
      transaction.timers = transaction.timers.filter(([, other]) => other !== timer);
      this.input(transaction, `timer${name}`);
    });
    transaction.timers.push([name, timer]);
  }

  private stopTimer(transaction: Server | Client, name: Machine.Timer): void {
    const index = transaction.timers.findIndex(([other]) => other === name);
    if (index < 0) return;
    this.ports.wheel.stop(transaction.timers[index]![1]);
    transaction.timers.splice(index, 1);
  }

  private forget(transaction: Server | Client): void {
    for (const [, timer] of transaction.timers) this.ports.wheel.stop(timer);
    transaction.timers = [];
    if (transaction.kind === "server") this.servers.delete(transaction.key);
    else this.clients.delete(transaction.key);
  }
}

/**
 * A 2xx was acknowledged: the transaction lives on to absorb what is late, for half a minute, and
 * there are very many of these. It keeps its key and its timer.
 */
const settle = (server: Server): void => {
  server.last = undefined;
  server.back = nothing;
};

const nothing = (): void => {};

/** The 100 of a request; sent by the edge when the core has it, or takes long. */
export const trying = (parts: Message.ReplyParts): string => Reply.print(parts, { status: 100 });
