/** Hostile bytes: how they are sent, and what may come back. */
import { expect } from "vitest";
import type { Engine } from "./Engine.ts";
import * as RawSip from "./RawSip.ts";
import * as Sip from "./SipMessage.ts";
import { until } from "./Until.ts";

export interface Request {
  readonly method?: string;
  readonly uri?: string;
  /** Replaces the header of this name, or removes it when undefined; new names are added. */
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>;
  readonly body?: string;
}

export interface Built {
  readonly text: string;
  readonly callId: string;
}

/** A well-formed request of a stranger for the engine itself, but for what the caller changes. */
export const build = (socket: RawSip.RawSip, request: Request = {}): Built => {
  const { remote, local, transport } = socket;
  const method = request.method ?? "OPTIONS";
  const uri = request.uri ?? `sip:${remote.ip}:${remote.port}`;
  const callId = Sip.token(20);
  const via = `SIP/2.0/${transport.toUpperCase()} ${local.ip}:${local.port}`;
  const usual: Readonly<Record<string, string>> = {
    "Via": `${via};branch=${Sip.branch()};rport`,
    "Max-Forwards": "70",
    "From": `<sip:stranger@${local.ip}>;tag=${Sip.token()}`,
    "To": `<${uri}>`,
    "Call-ID": callId,
    "CSeq": `1 ${method}`,
    "Contact": `<sip:stranger@${local.ip}:${local.port};transport=${transport}>`,
  };
  const headers = Object.entries({ ...usual, ...request.headers }).flatMap(
    ([name, value]): Sip.Headers => {
      if (value === undefined) return [];
      return typeof value === "string" ? [[name, value]] : value.map((one) => [name, one]);
    },
  );
  return { text: Sip.format(`${method} ${uri} SIP/2.0`, headers, request.body), callId };
};

export interface Outcome {
  /** Of the first final response that the socket got, if any. */
  readonly status: number | undefined;
  readonly ended: boolean;
}

/** So long a hostile message may stay without any reaction before that counts as "dropped". */
const reactionMs = 1_500;

const isFinal = (message: Sip.Message) => !message.isRequest && (message.status ?? 0) >= 200;

/** Sends bytes from a new socket and waits for an answer, the end of the connection, or neither. */
export const send = async (
  engine: Engine,
  transport: "udp" | "tcp",
  make: (socket: RawSip.RawSip) => string | Uint8Array,
): Promise<Outcome & { readonly received: ReadonlyArray<Sip.Message> }> => {
  const open = transport === "tcp" ? RawSip.tcp : RawSip.udp;
  const socket = await open({ remote: engine.sip });
  try {
    socket.send(make(socket));
    const reacted = () => socket.received.some(isFinal) || socket.isEnded();
    await until("a reaction", reacted, reactionMs).catch(() => undefined);
    const { received } = socket;
    return { status: received.find(isFinal)?.status, ended: socket.isEnded(), received };
  } finally {
    await socket.close();
  }
};

/** Refused (but not by a defect of ours: 500), or dropped. */
export const expectRefused = ({ status }: Outcome, what: string): void => {
  if (status === undefined) return;
  expect(status, what).toBeGreaterThanOrEqual(400);
  expect(status, what).not.toBe(500);
};

/** The engine answers an OPTIONS that is for itself. */
export const probe = async (
  engine: Engine,
  transport: "udp" | "tcp" = "udp",
  deadlineMs = 2_000,
): Promise<Sip.Message> => {
  const open = transport === "tcp" ? RawSip.tcp : RawSip.udp;
  const socket = await open({ remote: engine.sip });
  try {
    return await ask(socket, {}, deadlineMs);
  } finally {
    await socket.close();
  }
};

/** Sends a request and gives its final response. */
export const ask = (
  socket: RawSip.RawSip,
  request: Request = {},
  deadlineMs?: number,
): Promise<Sip.Message> => {
  const { text, callId } = build(socket, request);
  socket.send(text);
  const mine = (message: Sip.Message) =>
    isFinal(message) && Sip.header(message, "call-id") === callId;
  return socket.next(`answer to ${request.method ?? "OPTIONS"}`, mine, deadlineMs);
};
