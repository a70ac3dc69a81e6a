/** Requests of a scripted user agent, and the dialogs it is in. */
import * as Digest from "./Digest.ts";
import type * as RawSip from "./RawSip.ts";
import * as Sip from "./SipMessage.ts";

export interface Options {
  readonly engine: Sip.Address;
  readonly domain: string;
  readonly extension: string;
  readonly secret: string;
  readonly transport?: "udp" | "tcp" | "tls" | "wss";
  /** Certificate of the engine, for TLS and WebSockets. */
  readonly ca?: string;
  readonly ip?: string;
  readonly port?: number;
  /** URI of its Contact; that of its socket unless told. */
  readonly contact?: string;
}

export interface Context {
  readonly options: Options;
  readonly socket: RawSip.RawSip;
  readonly contact: string;
  /** The address of record. */
  readonly aor: string;
}

export interface Sent {
  readonly headers?: Sip.Headers;
  readonly body?: string;
}

/** A dialog as one side of it sees it. */
export interface Dialog {
  readonly callId: string;
  readonly local: string;
  readonly remote: string;
  readonly target: string;
  readonly routes: ReadonlyArray<string>;
  cseq: number;
}

export interface Call {
  readonly dialog: Dialog;
  /** The other side's session description. */
  readonly sdp: string;
  readonly request: (method: string, sent?: Sent) => Promise<Sip.Message>;
  /** Sends a new offer, acknowledges the answer. */
  readonly reinvite: (sdp: string) => Promise<Sip.Message>;
  readonly bye: () => Promise<Sip.Message>;
  /** Waits for a request of the other side in this dialog; the caller answers it. */
  readonly asked: (method: string, deadlineMs?: number) => Promise<Sip.Message>;
  readonly reply: (request: Sip.Message, status: string, sent?: Sent) => void;
  /** Waits for the other side's BYE and answers it. */
  readonly ended: (deadlineMs?: number) => Promise<Sip.Message>;
}

export const userAgent = ["User-Agent", "tandem-test"] as const;

export const via = (socket: RawSip.RawSip, branch = Sip.branch()): string => {
  const { ip, port } = socket.local;
  return `SIP/2.0/${socket.transport.toUpperCase()} ${ip}:${port};branch=${branch};rport`;
};

export const numberOf = (message: Sip.Message): number =>
  Number(Sip.header(message, "cseq").split(/\s+/)[0]);

/** A 2xx to INVITE that nobody waits for any more: each gets an ACK (RFC 3261 13.2.2.4). */
const isRepeated = ({ method, status = 0 }: Sip.Message): boolean =>
  method === "INVITE" && status >= 200 && status < 300;

export const isFinal = (callId: string, method: string, cseq: number) => (message: Sip.Message) =>
  !message.isRequest && (message.status ?? 0) >= 200 && message.method === method &&
  Sip.header(message, "call-id") === callId && numberOf(message) === cseq;

/** The answer to the first challenge of a 401 or 407 that this peer can compute. */
export const authorize = (
  challenged: Sip.Message,
  who: Digest.Credentials,
  to: Digest.Answer,
): readonly [string, string] => {
  const proxy = challenged.status === 407;
  const name = proxy ? "Proxy-Authorization" : "Authorization";
  const values = Sip.all(challenged, proxy ? "proxy-authenticate" : "www-authenticate");
  const first = values[0];
  if (first === undefined) throw new Error(`no challenge in:\n${challenged.text}`);
  return [name, Digest.answer(Digest.parse(first, name), who, to)];
};

export const credentials = ({ options }: Context): Digest.Credentials => ({
  username: options.extension,
  secret: options.secret,
});

/** RFC 3261 section 17.1.1.3: the ACK of a final response that is no 2xx. */
export const acknowledge = (invite: Sip.Message, answer: Sip.Message, branch: string): string =>
  sameTransaction("ACK", invite, Sip.header(answer, "to"), branch);

/** RFC 3261 section 9.1. */
export const cancelOf = (invite: Sip.Message, branch: string): string =>
  sameTransaction("CANCEL", invite, Sip.header(invite, "to"), branch);

const sameTransaction = (method: string, invite: Sip.Message, to: string, branch: string) => {
  const uri = invite.start.split(" ")[1] ?? "";
  const sentBy = Sip.header(invite, "via").split(";")[0] ?? "";
  return Sip.format(`${method} ${uri} SIP/2.0`, [
    ["Via", `${sentBy};branch=${branch};rport`],
    ["Max-Forwards", "70"],
    ["From", Sip.header(invite, "from")],
    ["To", to],
    ["Call-ID", Sip.header(invite, "call-id")],
    ["CSeq", `${numberOf(invite)} ${method}`],
  ]);
};

export const inDialog = (
  context: Context,
  dialog: Dialog,
  method: string,
  sent: Sent & { readonly cseq: number; readonly branch?: string },
): string =>
  Sip.format(`${method} ${dialog.target} SIP/2.0`, [
    ["Via", via(context.socket, sent.branch)],
    ["Max-Forwards", "70"],
    ...dialog.routes.map((route): readonly [string, string] => ["Route", route]),
    ["From", dialog.local],
    ["To", dialog.remote],
    ["Call-ID", dialog.callId],
    ["CSeq", `${sent.cseq} ${method}`],
    ["Contact", context.contact],
    userAgent,
    ...(sent.headers ?? []),
    ...(sent.body === undefined ? [] : [["Content-Type", "application/sdp"] as const]),
  ], sent.body);

export const call = (context: Context, dialog: Dialog, sdp: string): Call => {
  const { socket } = context;
  const ask = async (method: string, sent: Sent = {}): Promise<Sip.Message> => {
    const send = async (extra: Sip.Headers) => {
      dialog.cseq += 1;
      const { cseq } = dialog;
      const branch = Sip.branch();
      const headers = [...(sent.headers ?? []), ...extra];
      const text = inDialog(context, dialog, method, { ...sent, headers, cseq, branch });
      socket.send(text);
      const final = isFinal(dialog.callId, method, cseq);
      const answer = await socket.next(`answer to ${method}`, final);
      if (method === "INVITE" && (answer.status ?? 0) >= 300) {
        socket.send(acknowledge(Sip.parse(text, socket.local, 0), answer, branch));
      }
      return answer;
    };
    const first = await send([]);
    if (first.status !== 401 && first.status !== 407) return first;
    return await send([authorize(first, credentials(context), { method, uri: dialog.target })]);
  };
  const asked = (method: string, deadlineMs?: number) =>
    socket.next(
      `${method} of the other side`,
      (message) =>
        message.isRequest && message.method === method &&
        Sip.header(message, "call-id") === dialog.callId,
      deadlineMs,
    );
  const reply = (message: Sip.Message, status: string, sent: Sent = {}) => {
    const type: Sip.Headers = sent.body === undefined ? [] : [["Content-Type", "application/sdp"]];
    const headers: Sip.Headers = [["Contact", context.contact], ...type, ...(sent.headers ?? [])];
    socket.send(Sip.respond(message, status, { ...sent, headers }));
  };
  return {
    dialog,
    sdp,
    request: ask,
    asked,
    reply,
    reinvite: async (body) => {
      const answer = await ask("INVITE", { body });
      if ((answer.status ?? 0) < 300) {
        socket.send(inDialog(context, dialog, "ACK", { cseq: dialog.cseq }));
      }
      return answer;
    },
    bye: () => ask("BYE"),
    ended: async (deadlineMs) => {
      for (;;) {
        const message = await socket.next(
          "BYE of the other side",
          (one) =>
            Sip.header(one, "call-id") === dialog.callId &&
            (one.isRequest ? one.method === "BYE" : isRepeated(one)),
          deadlineMs,
        );
        if (message.isRequest) {
          reply(message, "200 OK");
          return message;
        }
        socket.send(inDialog(context, dialog, "ACK", { cseq: numberOf(message) }));
      }
    },
  };
};
