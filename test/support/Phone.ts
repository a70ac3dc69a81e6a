/**
 * A scripted user agent on a raw socket: every message is in the test's hands, also after the
 * engine died and came back.
 */
import {
  acknowledge,
  authorize,
  type Call,
  call,
  cancelOf,
  type Context,
  credentials,
  type Dialog,
  inDialog,
  isFinal,
  numberOf,
  type Options,
  type Sent,
  userAgent,
  via,
} from "./Dialog.ts";
import * as RawSip from "./RawSip.ts";
import * as RawStream from "./RawStream.ts";
import * as Sip from "./SipMessage.ts";

export interface Phone extends Context {
  /** Sends a request out of a dialog and gives its final response, digest answered. */
  readonly request: (method: string, uri: string, sent?: Sent) => Promise<Sip.Message>;
  readonly register: (expires?: number, headers?: Sip.Headers) => Promise<Sip.Message>;
  readonly dial: (dialled: string, sent?: Sent) => Promise<Dialling>;
  /** The next INVITE out of a dialog. */
  readonly incoming: (deadlineMs?: number) => Promise<Incoming>;
  readonly close: () => Promise<void>;
}

/** A phone whose connection can be lost and opened again. */
export interface Connected extends Phone {
  readonly socket: RawStream.RawStream;
}

export interface Dialling {
  readonly callId: string;
  readonly invite: Sip.Message;
  /** The next response to the INVITE with a status of this range. */
  readonly response: (from: number, to?: number, deadlineMs?: number) => Promise<Sip.Message>;
  readonly cancel: () => Promise<Sip.Message>;
  /** Waits for the 2xx and acknowledges it. */
  readonly answered: (deadlineMs?: number) => Promise<Call>;
  /** Waits for another final response and acknowledges it. */
  readonly refused: (deadlineMs?: number) => Promise<Sip.Message>;
  readonly dialog: (response: Sip.Message) => Dialog;
}

export interface Incoming {
  readonly invite: Sip.Message;
  readonly dialog: Dialog;
  readonly ring: (headers?: Sip.Headers) => void;
  readonly refuse: (status: string, headers?: Sip.Headers) => Promise<Sip.Message>;
  readonly answer: (sdp?: string) => Promise<Call>;
}

export const make = async (options: Options): Promise<Phone> => {
  const { ca, engine: remote, ip, port, transport = "udp" } = options;
  const open = transport === "tcp" ? RawSip.tcp : RawSip.udp;
  const socket = transport === "tls" || transport === "wss"
    ? await RawStream.open(transport, { remote, ...defined({ ca, ip }) })
    : await open({ remote, ...defined({ ip, port }) });
  return on(options, socket);
};

/** Over a connection of which the caller decides when it is lost. */
export const connected = async (
  options: Options & { readonly transport: RawStream.Transport },
): Promise<Connected> => {
  const { ca, engine: remote, ip, transport } = options;
  const socket = await RawStream.open(transport, { remote, ...defined({ ca, ip }) });
  return { ...on(options, socket), socket };
};

const defined = <Value extends object>(value: Value): {
  [Key in keyof Value]: Exclude<Value[Key], undefined>;
} =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [Key in keyof Value]: Exclude<Value[Key], undefined>;
  };

const contactOf = (extension: string, { local, transport }: RawSip.RawSip): string =>
  transport === "wss"
    // RFC 7118 section 5: nobody can connect to a browser.
    ? `sip:${extension}@${Sip.token()}.invalid;transport=ws`
    : `sip:${extension}@${local.ip}:${local.port};transport=${transport}`;

const on = (options: Options, socket: RawSip.RawSip): Phone => {
  const { extension, domain } = options;
  const aor = `sip:${extension}@${domain}`;
  const contact = `<${options.contact ?? contactOf(extension, socket)}>`;
  const context: Context = { options, socket, contact, aor };
  return {
    ...context,
    request: (method, uri, sent) => request(context, method, uri, sent),
    register: (expires = 3_600, headers = []) =>
      request(context, "REGISTER", `sip:${domain}`, {
        headers: [["Contact", contact], ["Expires", String(expires)], ...headers],
      }),
    dial: (dialled, sent) => dial(context, dialled, sent),
    incoming: (deadlineMs) => incoming(context, deadlineMs),
    close: socket.close,
  };
};

const request = async (
  context: Context,
  method: string,
  uri: string,
  sent: Sent = {},
): Promise<Sip.Message> => {
  const callId = Sip.token(20);
  const tag = Sip.token();
  const to = method === "REGISTER" ? `<${context.aor}>` : `<${uri}>`;
  const ask = async (cseq: number, extra: Sip.Headers) => {
    context.socket.send(Sip.format(`${method} ${uri} SIP/2.0`, [
      ["Via", via(context.socket)],
      ["Max-Forwards", "70"],
      ["From", `<${context.aor}>;tag=${tag}`],
      ["To", to],
      ["Call-ID", callId],
      ["CSeq", `${cseq} ${method}`],
      userAgent,
      ...(sent.headers ?? []),
      ...extra,
    ], sent.body));
    return await context.socket.next(`answer to ${method}`, isFinal(callId, method, cseq));
  };
  const first = await ask(1, []);
  if (first.status !== 401 && first.status !== 407) return first;
  return await ask(2, [authorize(first, credentials(context), { method, uri })]);
};

const dial = async (context: Context, dialled: string, sent: Sent = {}): Promise<Dialling> => {
  const { socket, options } = context;
  const uri = `sip:${dialled}@${options.domain}`;
  const callId = Sip.token(20);
  const from = `<${context.aor}>;tag=${Sip.token()}`;
  const offer = sent.body ?? Sip.audio({ ip: socket.local.ip, port: 40_000 });
  const send = (cseq: number, branch: string, extra: Sip.Headers): Sip.Message => {
    const text = Sip.format(`INVITE ${uri} SIP/2.0`, [
      ["Via", via(socket, branch)],
      ["Max-Forwards", "70"],
      ["From", from],
      ["To", `<${uri}>`],
      ["Call-ID", callId],
      ["CSeq", `${cseq} INVITE`],
      ["Contact", context.contact],
      ["Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"],
      userAgent,
      ...(sent.headers ?? []),
      ...extra,
      ...(offer === "" ? [] : [["Content-Type", "application/sdp"] as const]),
    ], offer);
    socket.send(text);
    return Sip.parse(text, socket.local, performance.now());
  };
  const branches = [Sip.branch(), Sip.branch()] as const;
  let invite = send(1, branches[0], []);
  let branch: string = branches[0];
  const about = (from: number, to: number) => (message: Sip.Message) =>
    !message.isRequest && message.method === "INVITE" &&
    Sip.header(message, "call-id") === callId && numberOf(message) === numberOf(invite) &&
    (message.status ?? 0) >= from && (message.status ?? 0) <= to;
  const first = await socket.next("an answer to INVITE", about(100, 699));
  if (first.status === 401 || first.status === 407) {
    socket.send(acknowledge(invite, first, branch));
    branch = branches[1];
    const proof = authorize(first, credentials(context), { method: "INVITE", uri });
    invite = send(2, branch, [proof]);
  }
  return dialling(context, { invite, branch, callId, first, about });
};

interface Asked {
  readonly invite: Sip.Message;
  readonly branch: string;
  readonly callId: string;
  /** The first response, when no challenge: it was taken from the inbox to look at it. */
  readonly first: Sip.Message;
  readonly about: (from: number, to: number) => (message: Sip.Message) => boolean;
}

const dialling = (context: Context, asked: Asked): Dialling => {
  const { socket } = context;
  const { invite, branch, callId } = asked;
  let kept = asked.about(100, 699)(asked.first) ? asked.first : undefined;
  const response = async (from: number, to = from, deadlineMs?: number) => {
    const matches = asked.about(from, to);
    if (kept !== undefined && matches(kept)) {
      const taken = kept;
      kept = undefined;
      return taken;
    }
    return await socket.next(`${from} to ${to} to INVITE`, matches, deadlineMs);
  };
  const dialog = (answer: Sip.Message): Dialog => ({
    callId,
    local: Sip.header(invite, "from"),
    remote: Sip.header(answer, "to"),
    target: Sip.uriOf(Sip.header(answer, "contact")),
    routes: Sip.list(Sip.all(answer, "record-route")).toReversed(),
    cseq: numberOf(invite),
  });
  return {
    callId,
    invite,
    response,
    dialog,
    cancel: () => {
      socket.send(cancelOf(invite, branch));
      return socket.next("answer to CANCEL", isFinal(callId, "CANCEL", numberOf(invite)));
    },
    answered: async (deadlineMs) => {
      const answer = await response(200, 699, deadlineMs);
      if ((answer.status ?? 0) >= 300) {
        throw new Error(`not answered: ${answer.start}\n${socket.trace()}`);
      }
      const established = dialog(answer);
      socket.send(inDialog(context, established, "ACK", { cseq: established.cseq }));
      return call(context, established, answer.body);
    },
    refused: async (deadlineMs) => {
      const answer = await response(200, 699, deadlineMs);
      if ((answer.status ?? 0) < 300) throw new Error(`answered: ${socket.trace()}`);
      socket.send(acknowledge(invite, answer, branch));
      return answer;
    },
  };
};

const incoming = async (context: Context, deadlineMs?: number): Promise<Incoming> => {
  const { socket } = context;
  const isNew = (message: Sip.Message) =>
    message.isRequest && message.method === "INVITE" &&
    Sip.tagOf(Sip.header(message, "to")) === "";
  const invite = await socket.next("an INVITE", isNew, deadlineMs);
  const toTag = Sip.token();
  const callId = Sip.header(invite, "call-id");
  const dialog: Dialog = {
    callId,
    local: `${Sip.header(invite, "to")};tag=${toTag}`,
    remote: Sip.header(invite, "from"),
    target: Sip.uriOf(Sip.header(invite, "contact")),
    routes: Sip.list(Sip.all(invite, "record-route")),
    cseq: 100,
  };
  const isAck = (message: Sip.Message) =>
    message.method === "ACK" && Sip.header(message, "call-id") === callId;
  const mine: Sip.Headers = [["Contact", context.contact], userAgent];
  return {
    invite,
    dialog,
    ring: (headers = []) =>
      socket.send(Sip.respond(invite, "180 Ringing", { toTag, headers: [...mine, ...headers] })),
    refuse: (status, headers = []) => {
      socket.send(Sip.respond(invite, status, { toTag, headers: [...mine, ...headers] }));
      return socket.next("ACK of a refusal", isAck);
    },
    answer: async (sdp) => {
      const body = sdp ?? Sip.audio({ ip: socket.local.ip, port: 42_000 });
      const headers: Sip.Headers = [...mine, ["Content-Type", "application/sdp"]];
      socket.send(Sip.respond(invite, "200 OK", { toTag, headers, body }));
      const ack = await socket.next("ACK of the answer", isAck);
      return call(context, dialog, invite.body === "" ? ack.body : invite.body);
    },
  };
};
