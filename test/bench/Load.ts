/**
 * A load of SIP over UDP that costs little itself: messages are templates, a call is a handful of
 * numbers. Peers are a trunk (127.0.0.2), which calls, and one phone (127.0.0.3), which answers.
 */
import { createHash } from "node:crypto";

const body = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n" +
  "m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" +
  "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/** How long the phone rings: both the 180 and the 200 are then messages of their own. */
const ringMs = 20;

/** UDP loses datagrams when a buffer is full, here as anywhere (RFC 3261 section 17.1.1.2). */
const repeatMs = 500;
const giveUpMs = 32_000;

/** Sends until it is told to stop; a peer that stays silent ends the run. */
const repeat = (what: string, send: () => void): () => void => {
  send();
  const timer = setInterval(send, repeatMs);
  const end = setTimeout(() => {
    throw new Error(`${what}: no answer within ${giveUpMs} ms`);
  }, giveUpMs);
  return () => {
    clearInterval(timer);
    clearTimeout(end);
  };
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Socket {
  readonly port: number;
  readonly send: (text: string, port: number) => void;
  readonly close: () => void;
}

const open = (ip: string, take: (text: string, port: number) => void): Socket => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: ip, port: 0 });
  const buffer = new Uint8Array(65_536);
  const loop = async () => {
    for (;;) {
      const [octets, from] = await socket.receive(buffer).catch(() => []);
      if (octets === undefined) return;
      take(decoder.decode(octets), (from as Deno.NetAddr).port);
    }
  };
  void loop();
  return {
    port: (socket.addr as Deno.NetAddr).port,
    send: (text, port) => {
      void socket.send(encoder.encode(text), { transport: "udp", hostname: "127.0.0.1", port })
        .catch(() => {});
    },
    close: () => socket.close(),
  };
};

const header = (text: string, name: string): string => {
  const at = text.indexOf(`\r\n${name}: `);
  const start = at + name.length + 4;
  return at < 0 ? "" : text.slice(start, text.indexOf("\r\n", start));
};

const vias = (text: string): string =>
  text.split("\r\n").filter((line) => line.startsWith("Via: ")).join("\r\n");

const message = (start: string, lines: ReadonlyArray<string>, content = ""): string =>
  `${start}\r\n${lines.join("\r\n")}\r\n` +
  (content === "" ? "" : "Content-Type: application/sdp\r\n") +
  `Content-Length: ${content.length}\r\n\r\n${content}`;

type Waiting = Map<string, (text: string) => void>;

/** The phone that answers everything. */
const phone = (waiting: Waiting) => {
  /** Answers that wait for their ACK. */
  const answers = new Map<string, (() => void) | undefined>();
  const acknowledged = (id: string): void => {
    answers.get(id)?.();
    answers.delete(id);
  };
  const socket = open("127.0.0.3", (text, port) => {
    const space = text.indexOf(" ");
    const method = text.slice(0, space);
    if (method === "SIP/2.0") return waiting.get(header(text, "Call-ID"))?.(text);
    const id = header(text, "Call-ID");
    if (method === "ACK") return acknowledged(id);
    const common = [
      vias(text),
      `From: ${header(text, "From")}`,
      `To: ${header(text, "To")}${method === "INVITE" ? ";tag=phone" : ""}`,
      `Call-ID: ${id}`,
      `CSeq: ${header(text, "CSeq")}`,
    ];
    if (method !== "INVITE") return socket.send(message("SIP/2.0 200 OK", common), port);
    const contact = `Contact: <sip:phone@127.0.0.3:${socket.port}>`;
    socket.send(message("SIP/2.0 180 Ringing", [...common, contact]), port);
    if (answers.has(id)) return;
    answers.set(id, undefined);
    const answer = () => socket.send(message("SIP/2.0 200 OK", [...common, contact], body), port);
    setTimeout(() => answers.set(id, repeat(`the answer of ${id}`, answer)), ringMs);
  });
  return socket;
};

export interface Call {
  readonly startedAt: number;
  /** From INVITE to 180, ms. */
  ringMs: number;
  readonly up: () => void;
  /** Ends the repetitions of the request that is under way. */
  settle: () => void;
  readonly over: () => void;
  answered: boolean;
  to: string;
  contact: string;
}

/** Peers around an engine. */
export const make = (enginePort: number) => {
  const waiting: Waiting = new Map();
  const callee = phone(waiting);
  const calls = new Map<string, Call>();
  let last = 0;

  const trunk = open("127.0.0.2", (text) => {
    const id = header(text, "Call-ID");
    const other = waiting.get(id);
    if (other !== undefined) return other(text);
    const call = calls.get(id);
    if (call === undefined) return;
    if (/^SIP\/2\.0 [3-6]/.test(text)) throw new Error(`a call failed: ${text}`);
    if (header(text, "CSeq").endsWith("BYE")) {
      call.settle();
      calls.delete(id);
      return call.over();
    }
    if (text.startsWith("SIP/2.0 1")) {
      if (text.startsWith("SIP/2.0 180") && call.ringMs === 0) {
        call.ringMs = performance.now() - call.startedAt;
        call.settle();
      }
      return;
    }
    call.to = header(text, "To");
    call.contact = header(text, "Contact").slice(1, -1);
    trunk.send(request("ACK", id, call, 1), enginePort);
    if (call.answered) return;
    call.answered = true;
    call.settle();
    call.up();
  });

  const request = (method: string, id: string, call: Call, cseq: number): string =>
    message(`${method} ${call.contact} SIP/2.0`, [
      `Via: SIP/2.0/UDP 127.0.0.2:${trunk.port};branch=z9hG4bK${method}${id};rport`,
      "Max-Forwards: 70",
      `From: <sip:+4930123456@carrier.test>;tag=t${id}`,
      `To: ${call.to}`,
      `Call-ID: ${id}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:load@127.0.0.2:${trunk.port}>`,
      "User-Agent: Load",
    ], method === "INVITE" ? body : "");

  /** Starts a call; `up` when it is answered, `over` when its BYE was. */
  const dial = (extension: string, up: (id: string) => void, over: (call: Call) => void): void => {
    const id = `c${++last}x${performance.now().toFixed(3)}`;
    const call: Call = {
      startedAt: performance.now(),
      ringMs: 0,
      settle: () => {},
      answered: false,
      up: () => up(id),
      over: () => over(call),
      to: `<sip:${extension}@bench.test>`,
      contact: `sip:${extension}@bench.test`,
    };
    calls.set(id, call);
    const invite = request("INVITE", id, call, 1);
    call.settle = repeat(`INVITE ${id}`, () => trunk.send(invite, enginePort));
  };

  const hangUp = (id: string): void => {
    const call = calls.get(id);
    if (call === undefined) return;
    const bye = request("BYE", id, call, 2);
    call.settle = repeat(`BYE ${id}`, () => trunk.send(bye, enginePort));
  };

  const ask = (from: Socket, text: string, id: string): Promise<string> =>
    new Promise((resolve) => {
      const settle = repeat(id, () => from.send(text, enginePort));
      waiting.set(id, (answer) => {
        waiting.delete(id);
        settle();
        resolve(answer);
      });
    });

  const options = (): Promise<string> => {
    const id = `o${++last}`;
    const lines = [
      `Via: SIP/2.0/UDP 127.0.0.2:${trunk.port};branch=z9hG4bK${id};rport`,
      "Max-Forwards: 70",
      `From: <sip:load@bench.test>;tag=t${id}`,
      "To: <sip:bench.test>",
      `Call-ID: ${id}`,
      "CSeq: 1 OPTIONS",
    ];
    return ask(trunk, message("OPTIONS sip:bench.test SIP/2.0", lines), id);
  };

  /** REGISTER, challenge, REGISTER with its answer. */
  const register = async (extension: string, port = callee.port): Promise<void> => {
    const id = `r${++last}`;
    const send = (cseq: number, extra: ReadonlyArray<string>): Promise<string> =>
      ask(
        callee,
        message("REGISTER sip:bench.test SIP/2.0", [
          `Via: SIP/2.0/UDP 127.0.0.3:${callee.port};branch=z9hG4bK${id}n${cseq};rport`,
          "Max-Forwards: 70",
          `From: <sip:${extension}@bench.test>;tag=t${id}`,
          `To: <sip:${extension}@bench.test>`,
          `Call-ID: ${id}`,
          `CSeq: ${cseq} REGISTER`,
          `Contact: <sip:${extension}@127.0.0.3:${port}>`,
          "Expires: 3600",
          ...extra,
        ]),
        id,
      );
    const challenge = header(await send(1, []), "WWW-Authenticate");
    const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? "";
    const md5 = (text: string) => createHash("md5").update(text).digest("hex");
    const secret = md5(`${extension}:bench.test:secret-${extension}`);
    const proof = md5("REGISTER:sip:bench.test");
    const response = md5(`${secret}:${nonce}:00000001:load:auth:${proof}`);
    const answer = await send(2, [
      `Authorization: Digest username="${extension}", realm="bench.test", nonce="${nonce}", ` +
      `uri="sip:bench.test", response="${response}", algorithm=MD5, qop=auth, nc=00000001, ` +
      'cnonce="load"',
    ]);
    if (!answer.startsWith("SIP/2.0 200")) throw new Error(`REGISTER failed: ${answer}`);
  };

  const close = (): void => {
    trunk.close();
    callee.close();
  };
  return { dial, hangUp, options, register, close };
};

export type Load = ReturnType<typeof make>;

/** Runs `count` tasks, `concurrency` of them at a time. */
export const each = async (
  count: number,
  concurrency: number,
  task: (n: number) => Promise<unknown>,
): Promise<void> => {
  let next = 0;
  const worker = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
};

/** One whole call. */
export const whole = (load: Load, extension: string): Promise<Call> =>
  new Promise((resolve) => load.dial(extension, load.hangUp, resolve));
