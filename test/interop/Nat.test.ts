/** Phones behind NAT, requests that are too large for a datagram, and keep-alives. */
import { createServer, type Server, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import type { Phone } from "../support/Phone.ts";
import * as Ports from "../support/Ports.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";

type Reader = () => Engine.Engine;

/** The address that a phone at home has, and nobody else can reach. */
const inside = { ip: "192.168.178.20", port: 5_060 };
const insideContact = (extension: string) => `sip:${extension}@${inside.ip}:${inside.port}`;
const natted = (engine: Engine.Engine, extension: string) =>
  Scene.registered(engine, extension, { contact: insideContact(extension) });

const expiresOf = (answer: Sip.Message): number =>
  Number(/;expires=(\d+)/.exec(Sip.header(answer, "contact"))?.[1]);

const close = async (...phones: ReadonlyArray<Phone>): Promise<void> => {
  for (const phone of phones) await phone.register(0);
  for (const phone of phones) await phone.close();
};

const answers = (engine: Reader): void => {
  const vias = {
    "an address that is not its own": `${inside.ip}:${inside.port};branch=z9hG4bKa`,
    "the same with rport": `${inside.ip}:${inside.port};branch=z9hG4bKb;rport`,
    "a name": `phone.local;branch=z9hG4bKc`,
    "another port": `127.0.0.1:9;branch=z9hG4bKd`,
    "a lie in received": `${inside.ip};branch=z9hG4bKe;received=203.0.113.1;rport=9`,
  };
  test.for(Object.keys(vias) as ReadonlyArray<keyof typeof vias>)(
    "the answer to a Via with %s goes where the request came from",
    async (what) => {
      const socket = await RawSip.udp({ remote: engine().sip });
      const headers = { "Via": `SIP/2.0/UDP ${vias[what]}` };
      const answer = await Hostile.ask(socket, { headers });
      expect(answer.status).toBe(200);
      const via = Sip.header(answer, "via");
      expect(via).toContain(`;received=${socket.local.ip}`);
      expect(via).toContain(`;rport=${socket.local.port}`);
      expect(via).not.toContain("203.0.113.1");
      await socket.close();
    },
  );
};

const registrations = (engine: Reader): void => {
  test("over UDP its registration is short, over TCP as long as it asked", async () => {
    const udp = await natted(engine(), "1001");
    expect(expiresOf(await udp.register(3_600))).toBeLessThanOrEqual(120);
    await close(udp);
    const tcp = await Scene.registered(engine(), "1001", {
      transport: "tcp",
      contact: insideContact("1001"),
    });
    expect(expiresOf(await tcp.register(3_600))).toBe(3_600);
    await close(tcp);
  });

  test("a phone that can be reached has as long as it asked", async () => {
    const phone = await Scene.registered(engine(), "1001");
    expect(expiresOf(await phone.register(3_600))).toBe(3_600);
    await close(phone);
  });
};

const calls = (engine: Reader): void => {
  test.for(["udp", "tcp"] as const)(
    "calls reach it where it registered from (%s)",
    async (kind) => {
      const phone = await Scene.registered(engine(), "1001", {
        transport: kind,
        contact: insideContact("1001"),
      });
      const other = await Scene.registered(engine(), "1002");
      const called = await Scene.connect(other, phone);
      // Its Contact stays its name, only the way to it is another (RFC 3261 section 12.2.1.1).
      const [invite] = phone.socket.received.filter(({ method, isRequest }) =>
        isRequest && method === "INVITE"
      );
      expect(invite?.start).toBe(`INVITE ${insideContact("1001")} SIP/2.0`);
      await Scene.hangUp(called.caller, called.callee);
      const calling = await Scene.connect(phone, other);
      await Scene.hangUp(calling.callee, calling.caller);
      await close(phone, other);
    },
  );

  test("a re-INVITE of the other side reaches it too", async () => {
    const phone = await natted(engine(), "1001");
    const other = await Scene.registered(engine(), "1002");
    const pair = await Scene.connect(phone, other);
    const hold = Sip.audio({ ip: "127.0.0.1", port: 42_000, direction: "sendonly", version: 2 });
    const passedOn = async () => {
      const invite = await pair.caller.asked("INVITE");
      const body = Sip.audio({ ip: "127.0.0.1", port: 40_000, direction: "recvonly", version: 2 });
      pair.caller.reply(invite, "200 OK", { body });
    };
    const [answer] = await Promise.all([pair.callee.reinvite(hold), passedOn()]);
    expect(answer.status).toBe(200);
    await Scene.hangUp(pair.callee, pair.caller);
    await close(phone, other);
  });

  test("a phone that moved to another port is called there once it registered", async () => {
    const before = await natted(engine(), "1001");
    const after = await Scene.phone(engine(), "1001", { contact: insideContact("1001") });
    expect((await after.register()).status).toBe(200);
    const other = await Scene.registered(engine(), "1002");
    const dialling = await other.dial("1001");
    await (await after.incoming()).refuse("486 Busy Here");
    expect((await dialling.refused()).status).toBe(486);
    expect(before.socket.received.filter(({ method }) => method === "INVITE")).toEqual([]);
    await close(after, other);
    await before.close();
  });
};

/** Larger than 1,300 octets in any INVITE. */
const largeOffer = (): string => {
  const lines = Array.from({ length: 12 }, (_, n) => `a=x-line-${n}:${"x".repeat(100)}`);
  return `${Sip.audio({ ip: "127.0.0.1", port: 40_000 })}${lines.join("\r\n")}\r\n`;
};

interface Listening {
  readonly messages: ReadonlyArray<Sip.Message>;
  readonly reply: (text: string) => void;
  readonly close: () => Promise<void>;
}

/** TCP at the address of a phone. */
const listen = async ({ ip, port }: Sip.Address): Promise<Listening> => {
  const messages: Array<Sip.Message> = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    const frame = RawSip.framer((text) => void messages.push(Sip.parse(text, { ip, port }, 0)));
    socket.on("data", (bytes: Uint8Array) => frame(RawSip.toText(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(port, ip, resolve));
  return {
    messages,
    reply: (text) => {
      for (const socket of sockets) socket.write(text);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
};

const large = (engine: Reader): void => {
  test("what is over 1,300 octets goes by TCP to a phone that has it", async () => {
    const port = await Ports.free();
    const callee = await Scene.registered(engine(), "1001", { port });
    const listening = await listen(callee.socket.local);
    const caller = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1001", { body: largeOffer() });
    const invite = await until("an INVITE by TCP", () => listening.messages[0], 5_000);
    expect(invite.start).toMatch(/^INVITE /);
    expect(invite.text.length).toBeGreaterThan(1_300);
    expect(Sip.header(invite, "via")).toContain("SIP/2.0/TCP ");
    expect(Sip.header(invite, "contact")).toContain(";transport=tcp");
    expect(invite.body).toContain("a=x-line-11");
    listening.reply(Sip.respond(invite, "486 Busy Here", { toTag: Sip.token() }));
    expect((await dialling.refused()).status).toBe(486);
    expect(callee.socket.received.filter(({ method }) => method === "INVITE")).toEqual([]);
    await close(callee, caller);
    await listening.close();
  });

  test("small ones go by UDP to the same phone", async () => {
    const port = await Ports.free();
    const callee = await Scene.registered(engine(), "1001", { port });
    const listening = await listen(callee.socket.local);
    const caller = await Scene.registered(engine(), "1002");
    const pair = await Scene.connect(caller, callee);
    await Scene.hangUp(pair.caller, pair.callee);
    expect(listening.messages).toEqual([]);
    await close(callee, caller);
    await listening.close();
  });

  test("headers that are carried through count as well", async () => {
    const port = await Ports.free();
    const callee = await Scene.registered(engine(), "1001", { port });
    const listening = await listen(callee.socket.local);
    const caller = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1001", { headers: [["Subject", "s".repeat(1_000)]] });
    const invite = await until("an INVITE by TCP", () => listening.messages[0], 5_000);
    expect(Sip.header(invite, "subject")).toBe("s".repeat(1_000));
    listening.reply(Sip.respond(invite, "486 Busy Here", { toTag: Sip.token() }));
    await dialling.refused();
    await close(callee, caller);
    await listening.close();
  });

  test.for(["reachable", "behind NAT"])(
    "a phone without TCP (%s) gets them by UDP",
    async (what) => {
      const callee = what === "reachable"
        ? await Scene.registered(engine(), "1001")
        : await natted(engine(), "1001");
      const caller = await Scene.registered(engine(), "1002");
      for (let round = 0; round < 2; round += 1) {
        const pair = await Scene.connect(caller, callee, { offer: largeOffer() });
        expect(pair.callee.sdp).toContain("a=x-line-11");
        await Scene.hangUp(pair.caller, pair.callee);
      }
      await close(callee, caller);
    },
  );
};

Need.suite("phones behind NAT", [], () => {
  const engine = Engine.forSuite(() => ({ directory: Directory.demo() }));
  describe("answers", () => answers(engine));
  describe("registrations", () => registrations(engine));
  describe("calls", () => calls(engine));
  describe("large requests", () => large(engine));
});
