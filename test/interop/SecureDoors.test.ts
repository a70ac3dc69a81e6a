/** The TLS and WebSocket doors themselves: what they let in, what they refuse and count. */
import { connect } from "node:net";
import { request } from "node:https";
import { describe, expect, test } from "vitest";
import * as ClientHello from "../support/ClientHello.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import { closedConnections, refusedConnections } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as RawStream from "../support/RawStream.ts";
import * as Scene from "../support/Scene.ts";
import { until, within } from "../support/Until.ts";

const endMs = 5_000;
const countMs = 10_000;
const doors = ["tls", "wss", "https"] as const;

type Reader = () => Engine.Engine;

/** Waits until a counter has grown by `by` since `before`. */
const grown = (
  engine: Engine.Engine,
  name: string,
  labels: Readonly<Record<string, string>>,
  before: number,
  by = 1,
) =>
  until(
    `${name} ${JSON.stringify(labels)} to grow by ${by}`,
    async () => await engine.counted(name, labels) >= before + by,
    countMs,
  );

const open = (
  engine: Engine.Engine,
  transport: RawStream.Transport,
  options: Partial<RawStream.Options> = {},
) =>
  RawStream.open(transport, {
    remote: transport === "tcp" ? engine.sip : engine[transport],
    ca: engine.certificate(),
    ...options,
  });

const versions = (engine: Reader): void => {
  const good = 0xc02b;
  const weak = {
    "NULL": [0x0001, 0x0002, 0x003b, 0xc006],
    "RC4": [0x0004, 0x0005, 0xc007, 0xc011],
    "export and DES": [0x0003, 0x0008, 0x0009],
    "3DES": [0x000a, 0xc008, 0xc012],
    "anonymous": [0x0018, 0x0034, 0xc018],
    "CBC": [0x002f, 0x0035, 0xc009, 0xc013, 0xc023],
    "without forward secrecy": [0x009c, 0x009d],
  };

  test.for(doors)("%s takes TLS 1.2 with a modern cipher", async (door) => {
    const answer = await ClientHello.ask(engine()[door], {
      version: 0x0303,
      ciphers: [...Object.values(weak).flat(), good],
    });
    expect(answer).toEqual({ kind: "chosen", cipher: good });
  });

  test.for(doors.flatMap((door) => [0x0300, 0x0301, 0x0302].map((old) => [door, old] as const)))(
    "%s refuses version %i with the alert protocol_version",
    async ([door, version]) => {
      const answer = await ClientHello.ask(engine()[door], { version, ciphers: [good] });
      expect(answer).toEqual({ kind: "refused", alert: 70 });
    },
  );

  test.for(doors.flatMap((door) => Object.keys(weak).map((kind) => [door, kind] as const)))(
    "%s refuses ciphers that are %s with the alert handshake_failure",
    async ([door, kind]) => {
      const ciphers = weak[kind as keyof typeof weak];
      const answer = await ClientHello.ask(engine()[door], { version: 0x0303, ciphers });
      expect(answer).toEqual({ kind: "refused", alert: 40 });
    },
  );
};

const handshakes = (engine: Reader): void => {
  const junk = {
    "an old ClientHello": ClientHello.build({ version: 0x0301, ciphers: [0xc02b] }),
    "plain SIP": new TextEncoder().encode("OPTIONS sip:x SIP/2.0\r\n\r\n"),
    "noise": crypto.getRandomValues(new Uint8Array(3_000)),
  };
  const cases = (["tls", "wss"] as const).flatMap((door) =>
    Object.keys(junk).map((what) => [door, what] as const)
  );

  test.for(cases)("%s: %s instead of a handshake is counted", async ([door, what]) => {
    const labels = { transport: door, reason: "handshake" };
    const before = await engine().counted(refusedConnections, labels);
    const { ip, port } = engine()[door];
    const socket = connect(port, ip);
    socket.on("error", () => undefined);
    socket.resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(junk[what as keyof typeof junk]);
    await within("the end of the connection", closed, endMs);
    await grown(engine(), refusedConnections, labels, before);
    const peer = await open(engine(), door);
    expect((await Hostile.ask(peer)).status).toBe(200);
    await peer.close();
  });
};

interface Upgraded {
  readonly status: number;
  readonly words: string;
}

/** Asks for a WebSocket and gives the HTTP answer. */
const upgrade = (
  engine: Engine.Engine,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Upgraded> => {
  const { ip, port } = engine.wss;
  const answered = new Promise<Upgraded>((resolve, reject) => {
    const asked = request({ host: ip, port, path, headers, ca: engine.certificate() });
    asked.on("upgrade", (_response, socket) => {
      socket.destroy();
      resolve({ status: 101, words: "" });
    });
    asked.on("response", (response) => {
      let words = "";
      response.on("data", (chunk: Uint8Array) => words += new TextDecoder().decode(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, words }));
    });
    asked.on("error", reject);
    asked.end();
  });
  return within("an HTTP answer", answered, endMs);
};

const websocket = {
  "Connection": "Upgrade",
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};
const sip = { ...websocket, "Sec-WebSocket-Protocol": "chat, sip" };

const upgrades = (engine: Reader): void => {
  test.for(["/", "/ws", "/ws?token=1"])("SIP is at %s", async (path) => {
    expect((await upgrade(engine(), path, sip)).status).toBe(101);
  });

  const refused = [
    ["another path", "/admin", sip, 404, "path", "/ws"],
    ["no subprotocol", "/ws", websocket, 400, "subprotocol", "sip"],
    [
      "another subprotocol",
      "/ws",
      { ...websocket, "Sec-WebSocket-Protocol": "mqtt" },
      400,
      "subprotocol",
      "sip",
    ],
    [
      "a page of somebody else",
      "/ws",
      { ...sip, "Origin": "https://evil.test" },
      403,
      "origin",
      "origin",
    ],
    ["no upgrade", "/ws", {}, 426, "noUpgrade", ""],
  ] as const;
  test.for(refused)("%s is refused by name and counted", async (row) => {
    const [, path, headers, status, reason, word] = row;
    const labels = { transport: "wss", reason };
    const before = await engine().counted(refusedConnections, labels);
    const answer = await upgrade(engine(), path, headers);
    expect(answer.status).toBe(status);
    expect(answer.words).toContain(word);
    await grown(engine(), refusedConnections, labels, before);
  });

  test("a page that is allowed, and a client that is no page, are taken", async () => {
    for (const origin of ["https://phone.test", "HTTPS://PHONE.TEST"]) {
      expect((await upgrade(engine(), "/ws", { ...sip, "Origin": origin })).status).toBe(101);
    }
    expect((await upgrade(engine(), "/ws", sip)).status).toBe(101);
  });
};

const frames = (engine: Reader): void => {
  test("text, binary and fragmented frames are one and the same message", async () => {
    const peer = await open(engine(), "wss");
    const ways: ReadonlyArray<(text: string) => void> = [
      (text) => peer.socket().send(text),
      (text) => peer.socket().send(new TextEncoder().encode(text), { binary: true }),
      (text) => {
        const cuts = [0, 1, 30, text.indexOf("\r\n") + 1, text.length];
        for (let n = 1; n < cuts.length; n += 1) {
          const part = text.slice(cuts[n - 1], cuts[n]);
          peer.socket().send(part, { fin: n === cuts.length - 1 });
        }
      },
    ];
    for (const send of ways) {
      const { callId, text } = Hostile.build(peer);
      send(text);
      const answer = await peer.next("answer to OPTIONS", (one) => one.text.includes(callId));
      expect(answer.status).toBe(200);
    }
    await peer.close();
  });

  test("answers are text frames", async () => {
    const peer = await open(engine(), "wss");
    const kinds: Array<boolean> = [];
    peer.socket().on("message", (_data, binary) => kinds.push(binary));
    await Hostile.ask(peer);
    expect(kinds).toEqual([false]);
    await peer.close();
  });

  const broken = [
    ["a frame that is too long", () => "x".repeat(70_000), 1009, "tooLong"],
    [
      "fragments that are too long together",
      (peer: RawStream.RawStream) => {
        for (let n = 0; n < 70; n += 1) peer.socket().send("x".repeat(1_000), { fin: false });
        return "x";
      },
      1009,
      "tooLong",
    ],
    [
      "text that is no UTF-8",
      (peer: RawStream.RawStream) => {
        peer.socket().send(Uint8Array.from([0xc3, 0x28]), { binary: false });
        return undefined;
      },
      1007,
      "broken",
    ],
  ] as const;
  test.for(broken)("%s ends the connection with the code that says so", async (row) => {
    const [, make, code, reason] = row;
    const labels = { transport: "wss", reason };
    const before = await engine().counted(closedConnections, labels);
    const peer = await open(engine(), "wss");
    const text = make(peer);
    if (text !== undefined) peer.socket().send(text);
    expect(await peer.ended()).toBe(code);
    await grown(engine(), closedConnections, labels, before);
    await Scene.goodCall(engine());
  });

  test("a message that is no SIP is counted and the connection goes on", async () => {
    const peer = await open(engine(), "wss");
    peer.socket().send("this is no SIP");
    expect((await Hostile.ask(peer)).status).toBe(200);
    await peer.close();
  });
};

const keepAlive = (engine: Reader): void => {
  test.for(["tcp", "tls", "wss"] as const)("%s: a ping gets a pong", async (transport) => {
    const peer = await open(engine(), transport);
    peer.send("\r\n\r\n");
    await until("a pong", () => peer.pongs() === 1, endMs);
    // One line end is a pong itself, and asks for nothing.
    peer.send("\r\n");
    expect((await Hostile.ask(peer)).status).toBe(200);
    expect(peer.pongs()).toBe(1);
    await peer.close();
  });
};

const restart = (): void => {
  const cases = (["tls", "wss"] as const).flatMap((transport) =>
    (["caller", "callee"] as const).map((role) => [transport, role] as const)
  );
  test.for(cases)(
    "over %s: after a restart a BYE reaches a %s that registered again",
    async ([transport, role]) => {
      const engine = await Engine.start();
      const mobile = await Scene.connected(engine, "1001", { transport });
      const other = await Scene.registered(engine, "1002");
      const [caller, callee] = role === "caller" ? [mobile, other] : [other, mobile];
      const dialling = await caller.dial(callee.options.extension);
      const incoming = await callee.incoming();
      const [there] = await Promise.all([incoming.answer(), dialling.answered()]);
      await engine.kill();
      const again = await engine.again();
      await mobile.socket.reopen();
      expect((await mobile.register()).status).toBe(200);
      // Nobody wrote down that the 200 was acknowledged: it comes again.
      const here = await dialling.answered();
      const [own, peer] = role === "caller" ? [here, there] : [there, here];
      await Scene.hangUp(peer, own);
      await Engine.idle(again);
      await Promise.all([mobile.close(), other.close()]);
      await again.stop();
    },
  );
};

Need.suite("doors of TLS and WSS", [], () => {
  const engine = Engine.forSuite(() => ({ env: { TANDEM_WSS_ORIGINS: "https://phone.test" } }));
  describe("TLS versions and ciphers", () => versions(engine));
  describe("handshakes", () => handshakes(engine));
  describe("upgrades", () => upgrades(engine));
  describe("frames", () => frames(engine));
  describe("keep-alives", () => keepAlive(engine));
  describe("restart", () => restart());
});
