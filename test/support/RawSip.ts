/** A socket that sends any bytes and reads the SIP messages that come back. */
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { type Address, header, type Message, parse } from "./SipMessage.ts";
import { within } from "./Until.ts";

export interface RawSip {
  readonly transport: "udp" | "tcp" | "tls" | "wss";
  readonly local: Address;
  readonly remote: Address;
  readonly send: (message: string | Uint8Array, to?: Address) => void;
  /** The next message that matches; others stay for whoever asks for them. */
  readonly next: (
    what: string,
    match: Match,
    deadlineMs?: number,
  ) => Promise<Message>;
  /** All that ever arrived. */
  readonly received: ReadonlyArray<Message>;
  /** All that was ever sent. */
  readonly sent: ReadonlyArray<string>;
  /** True when the other side has closed the connection. */
  readonly isEnded: () => boolean;
  /** What was sent and received, for the text of a failure. */
  readonly trace: () => string;
  readonly close: () => Promise<void>;
}

type Match = (message: Message) => boolean;

const answerMs = 5_000;
const traced = 30;

export const toBytes = (message: string | Uint8Array): Uint8Array =>
  typeof message === "string"
    ? Uint8Array.from(message, (character) => character.charCodeAt(0))
    : message;

export const toText = (bytes: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return text;
};

/** What both transports share: the inbox, and the lines of the trace. */
export const inbox = () => {
  const received: Array<Message> = [];
  const unclaimed: Array<Message> = [];
  const waiters: Array<{ match: Match; resolve: (message: Message) => void }> = [];
  const sent: Array<string> = [];
  const lines: Array<string> = [];
  const note = (arrow: string, peer: Address, text: string) => {
    const shown = text.length > 2_000 ? `${text.slice(0, 2_000)}... (${text.length})` : text;
    lines.push(`${arrow} ${peer.ip}:${peer.port}\n${shown}`);
    if (lines.length > traced) lines.shift();
  };
  const trace = () => lines.join("\n");
  return {
    received,
    sent,
    trace,
    put: (bytes: Uint8Array, to: Address) => {
      const text = toText(bytes);
      sent.push(text);
      note("->", to, text);
    },
    take: (text: string, from: Address) => {
      const message = parse(text, from, performance.now());
      received.push(message);
      note("<-", from, text);
      const index = waiters.findIndex(({ match }) => match(message));
      if (index === -1) unclaimed.push(message);
      else waiters.splice(index, 1)[0]?.resolve(message);
    },
    next: (what: string, match: Match, deadlineMs = answerMs): Promise<Message> => {
      const known = unclaimed.findIndex(match);
      const first = known === -1 ? undefined : unclaimed.splice(known, 1)[0];
      if (first !== undefined) return Promise.resolve(first);
      const waiter = { match, resolve: (_: Message) => undefined as void };
      const claimed = new Promise<Message>((resolve) => (waiter.resolve = resolve));
      waiters.push(waiter);
      return within(what, claimed, deadlineMs, trace).finally(() => {
        const index = waiters.indexOf(waiter);
        if (index !== -1) waiters.splice(index, 1);
      });
    },
  };
};

export interface UdpOptions {
  readonly remote: Address;
  readonly ip?: string;
  readonly port?: number;
}

export const udp = (options: UdpOptions): Promise<RawSip> => {
  const socket = createSocket("udp4");
  const box = inbox();
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (bytes, peer) => {
      const from = { ip: peer.address, port: peer.port };
      // Keep-alives are line ends alone (RFC 5626 section 3.5.1).
      if (bytes.length > 4) box.take(toText(bytes), from);
    });
    socket.bind(options.port ?? 0, options.ip ?? "127.0.0.1", () => {
      const bound = socket.address();
      resolve({
        transport: "udp",
        local: { ip: bound.address, port: bound.port },
        remote: options.remote,
        send: (message, to = options.remote) => {
          const bytes = toBytes(message);
          box.put(bytes, to);
          socket.send(bytes, to.port, to.ip);
        },
        next: box.next,
        received: box.received,
        sent: box.sent,
        isEnded: () => false,
        trace: box.trace,
        close: () => new Promise((closed) => socket.close(() => closed())),
      });
    });
  });
};

/** Cuts a stream at the lengths that its messages state; `pong` hears of line ends between them. */
export const framer = (take: (text: string) => void, pong: () => void = () => undefined) => {
  let buffer = "";
  return (chunk: string) => {
    buffer += chunk;
    for (;;) {
      for (; buffer.startsWith("\r\n"); buffer = buffer.slice(2)) pong();
      const end = buffer.indexOf("\r\n\r\n");
      if (end === -1) return;
      const nowhere = { ip: "", port: 0 };
      const head = parse(buffer.slice(0, end + 4), nowhere, 0);
      const length = end + 4 + Number(header(head, "content-length"));
      if (buffer.length < length) return;
      take(buffer.slice(0, length));
      buffer = buffer.slice(length);
    }
  };
};

export const tcp = (options: UdpOptions): Promise<RawSip> => {
  const box = inbox();
  const { remote } = options;
  return new Promise((resolve, reject) => {
    let ended = false;
    const socket: Socket = connect({
      host: remote.ip,
      port: remote.port,
      localAddress: options.ip ?? "127.0.0.1",
    });
    const frame = framer((text) => box.take(text, remote));
    socket.once("error", reject);
    socket.on("error", () => (ended = true));
    socket.on("data", (bytes: Uint8Array) => frame(toText(bytes)));
    socket.on("end", () => (ended = true));
    socket.on("close", () => (ended = true));
    socket.once("connect", () =>
      resolve({
        transport: "tcp",
        local: { ip: socket.localAddress ?? "", port: socket.localPort ?? 0 },
        remote,
        send: (message) => {
          const bytes = toBytes(message);
          box.put(bytes, remote);
          socket.write(bytes);
        },
        next: box.next,
        received: box.received,
        sent: box.sent,
        isEnded: () => ended,
        trace: box.trace,
        close: () =>
          new Promise((closed) => {
            socket.once("close", () => closed());
            if (socket.destroyed) closed();
            else socket.destroy();
          }),
      }));
  });
};
