/** Connections of a test peer that can be lost and opened again: TCP, TLS and WebSockets. */
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import * as RawSip from "./RawSip.ts";
import type { Address } from "./SipMessage.ts";
import { until, within } from "./Until.ts";

export type Transport = "tcp" | "tls" | "wss";

export interface Options {
  readonly remote: Address;
  readonly ip?: string;
  /** Certificate of the listener (PEM); needed for TLS and WebSockets. */
  readonly ca?: string;
  /** Of the upgrade; `sip` and nothing else unless told. */
  readonly protocols?: ReadonlyArray<string>;
  readonly path?: string;
  readonly origin?: string;
}

export interface RawStream extends RawSip.RawSip {
  readonly transport: Transport;
  /** Ends the connection as a peer that leaves does. */
  readonly drop: () => Promise<void>;
  /** RST: as a peer whose system lost it. */
  readonly reset: () => Promise<void>;
  /** A new connection, for the same inbox; the old one is dropped. */
  readonly reopen: () => Promise<void>;
  /** Keep-alive answers (one line end) that came so far. */
  readonly pongs: () => number;
  /** Waits until the other side has ended the connection; its WebSocket close code. */
  readonly ended: (deadlineMs?: number) => Promise<number>;
  /** The TCP connection under it. */
  readonly tcp: () => Socket;
  /** The WebSocket under it. */
  readonly socket: () => WebSocket;
}

/** One connection: what differs between the transports. */
interface Line {
  readonly local: Address;
  readonly write: (bytes: Uint8Array) => void;
  readonly end: () => void;
  readonly tcp: Socket;
  readonly socket?: WebSocket;
}

interface Events {
  readonly take: (text: string) => void;
  readonly pong: () => void;
  readonly ended: (code: number) => void;
}

const connectMs = 5_000;
const endMs = 5_000;

/** An open TCP connection. */
const dial = async ({ ip = "127.0.0.1", remote }: Options): Promise<Socket> => {
  const socket = connect({ host: remote.ip, port: remote.port, localAddress: ip });
  const opened = new Promise<Socket>((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
  await within("a TCP connection", opened, connectMs);
  socket.on("error", () => undefined);
  return socket;
};

const localOf = ({ localAddress = "", localPort = 0 }: Socket): Address => ({
  ip: localAddress,
  port: localPort,
});

/** TLS on it; the listener must show exactly the certificate that it was started with. */
export const secure = async (tcp: Socket, options: Options): Promise<TLSSocket> => {
  const { ca = "", remote } = options;
  const socket = connectTls({ socket: tcp, host: remote.ip, ca });
  const opened = new Promise<TLSSocket>((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
    tcp.once("close", () => reject(new Error("closed in the TLS handshake")));
  });
  await within("a TLS handshake", opened, connectMs);
  socket.on("error", () => undefined);
  return socket;
};

const openStream = async (
  transport: "tcp" | "tls",
  options: Options,
  events: Events,
): Promise<Line> => {
  const tcp = await dial(options);
  const socket = transport === "tcp" ? tcp : await secure(tcp, options);
  const frame = RawSip.framer(events.take, events.pong);
  socket.on("data", (bytes: Uint8Array) => frame(RawSip.toText(bytes)));
  socket.on("end", () => events.ended(0));
  socket.on("close", () => events.ended(0));
  return {
    local: localOf(tcp),
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.destroy(),
    tcp,
  };
};

const openWebSocket = async (options: Options, events: Events): Promise<Line> => {
  const { ca = "", origin, path = "/ws", protocols = ["sip"], remote } = options;
  const tcp = await dial(options);
  const tls = await secure(tcp, options);
  const socket = new WebSocket(`wss://${remote.ip}:${remote.port}${path}`, [...protocols], {
    ca,
    createConnection: () => tls,
    ...(origin === undefined ? {} : { origin }),
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    socket.once("error", reject);
  });
  await within("a WebSocket", opened, connectMs);
  socket.on("error", () => undefined);
  socket.on("message", (data) => {
    const text = RawSip.toText(data as Uint8Array);
    if (text === "\r\n") events.pong();
    else events.take(text);
  });
  socket.on("close", (code) => events.ended(code));
  return {
    local: localOf(tcp),
    write: (bytes) => socket.send(bytes),
    end: () => socket.close(1000),
    tcp,
    socket,
  };
};

export const open = async (transport: Transport, options: Options): Promise<RawStream> => {
  const box = RawSip.inbox();
  const { remote } = options;
  let pongs = 0;
  let ended: number | undefined;
  let line: Line;
  const dialled = async (): Promise<void> => {
    // Only the end of the line in use is an end.
    const own = { current: true };
    ended = undefined;
    current.current = false;
    current = own;
    const events: Events = {
      take: (text) => box.take(text, remote),
      pong: () => pongs += 1,
      ended: (code) => {
        if (own.current) ended ??= code;
      },
    };
    line = transport === "wss"
      ? await openWebSocket(options, events)
      : await openStream(transport, options, events);
  };
  let current = { current: true };
  await dialled();
  const closed = (): Promise<void> =>
    until("the end of the connection", () => line.tcp.destroyed, endMs).then(() => undefined);
  const drop = async (): Promise<void> => {
    line.end();
    // A closing handshake that nobody answers must not hold the test.
    await closed().catch(() => line.tcp.destroy());
  };
  return {
    transport,
    get local() {
      return line.local;
    },
    remote,
    send: (message) => {
      const bytes = RawSip.toBytes(message);
      box.put(bytes, remote);
      line.write(bytes);
    },
    next: box.next,
    received: box.received,
    sent: box.sent,
    isEnded: () => ended !== undefined,
    trace: box.trace,
    close: drop,
    drop,
    reset: async () => {
      line.tcp.resetAndDestroy();
      await closed();
    },
    reopen: async () => {
      if (!line.tcp.destroyed) await drop();
      await dialled();
    },
    pongs: () => pongs,
    ended: (deadlineMs = endMs) =>
      until("the end by the other side", () => ended === undefined ? false : { ended }, deadlineMs)
        .then((end) => end.ended),
    tcp: () => line.tcp,
    socket: () => {
      if (line.socket === undefined) throw new Error(`no WebSocket over ${transport}`);
      return line.socket;
    },
  };
};
