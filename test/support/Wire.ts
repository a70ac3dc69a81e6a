/** Single messages in a test's own hands: for scenes in which each one, and its tag, matters. */
import type * as Engine from "./Engine.ts";
import type * as Phone from "./Phone.ts";
import * as Scene from "./Scene.ts";
import * as Sip from "./SipMessage.ts";

/** Phones of one extension: a call to it rings them all. */
export const phonesOf = async (
  engine: Engine.Engine,
  extension: string,
  count: number,
): Promise<ReadonlyArray<Phone.Phone>> => {
  const all = [await Scene.registered(engine, extension)];
  while (all.length < count) {
    const another = await Scene.phone(engine, extension);
    await another.register();
    all.push(another);
  }
  return all;
};

/** The next request of this method that a phone gets. */
export const request = (
  phone: Phone.Phone,
  method: string,
  deadlineMs?: number,
): Promise<Sip.Message> =>
  phone.socket.next(
    `${method} to ${phone.options.extension}`,
    (message) => message.isRequest && message.method === method,
    deadlineMs,
  );

export interface Answer {
  readonly tag?: string;
  readonly sdp?: string;
  readonly headers?: Sip.Headers;
}

/** A response to a request, with the Contact that makes a dialog. */
export const respond = (
  phone: Phone.Phone,
  to: Sip.Message,
  status: string,
  answer: Answer = {},
): void => {
  const { headers = [], sdp, tag = "phone" } = answer;
  const own: Sip.Headers = headers.some(([name]) => name === "Contact")
    ? []
    : [["Contact", phone.contact]];
  phone.socket.send(Sip.respond(to, status, {
    toTag: tag,
    headers: [
      ...own,
      ...headers,
      ...(sdp === undefined ? [] : [["Content-Type", "application/sdp"] as const]),
    ],
    ...(sdp === undefined ? {} : { body: sdp }),
  }));
};

/** A description of this phone: the port tells one from another. */
export const sdpOf = (
  phone: Phone.Phone,
  port: number,
  other: Partial<Parameters<typeof Sip.audio>[0]> = {},
): string => Sip.audio({ ip: phone.socket.local.ip, port, ...other });

/** All requests of a method that a phone ever got. */
export const requests = (phone: Phone.Phone, method: string): ReadonlyArray<Sip.Message> =>
  phone.socket.received.filter((message) => message.isRequest && message.method === method);

/** All responses to a method that a phone ever got. */
export const responses = (phone: Phone.Phone, method: string): ReadonlyArray<Sip.Message> =>
  phone.socket.received.filter((message) => !message.isRequest && message.method === method);

/** The distinct statuses of its INVITEs, in order, without 100 and challenges. */
export const statuses = (phone: Phone.Phone): ReadonlyArray<number> =>
  responses(phone, "INVITE").map(({ status }) => status ?? 0)
    .filter((status) => status > 100 && status !== 401)
    .filter((status, index, all) => status !== all[index - 1]);

/**
 * A round trip to the engine on this phone's own socket: what the engine had sent there before, has
 * arrived.
 */
export const settled = async (phone: Phone.Phone): Promise<void> => {
  const { socket } = phone;
  const { text, callId } = ping(phone);
  socket.send(text);
  await socket.next(
    "answer to a ping",
    (message) => message.method === "OPTIONS" && Sip.header(message, "call-id") === callId,
  );
};

const ping = ({ socket }: Phone.Phone) => {
  const callId = Sip.token(20);
  const { ip, port } = socket.local;
  const text = Sip.format(`OPTIONS sip:${socket.remote.ip}:${socket.remote.port} SIP/2.0`, [
    ["Via", `SIP/2.0/${socket.transport.toUpperCase()} ${ip}:${port};branch=${Sip.branch()};rport`],
    ["Max-Forwards", "70"],
    ["From", `<sip:ping@${ip}>;tag=${Sip.token()}`],
    ["To", `<sip:${socket.remote.ip}>`],
    ["Call-ID", callId],
    ["CSeq", "1 OPTIONS"],
  ]);
  return { text, callId };
};

export const close = async (...phones: ReadonlyArray<Phone.Phone>): Promise<void> => {
  await Promise.all(phones.map((phone) => phone.close()));
};
