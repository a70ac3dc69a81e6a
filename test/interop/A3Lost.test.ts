/**
 * A3: messages that come twice, late or never. Scripted peers, because each message must be held
 * back or repeated by hand, and counted.
 */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import { causes, endedBy } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Phone from "../support/Phone.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later, until } from "../support/Until.ts";

/** RFC 3261: T1 * 64, after which the other side counts as gone. */
const transactionMs = 32_000;

const countOf = (phone: Phone.Phone, match: (message: Sip.Message) => boolean) =>
  phone.socket.received.filter(match).length;

const isInvite = (message: Sip.Message) => message.isRequest && message.method === "INVITE";
const isAck = (message: Sip.Message) => message.isRequest && message.method === "ACK";
const isOk = (message: Sip.Message) => message.status === 200 && message.method === "INVITE";

const isByeOf = ({ callId }: Phone.Dialling) => (message: Sip.Message) =>
  message.isRequest && message.method === "BYE" && Sip.header(message, "call-id") === callId;

const prepare = (engine: () => Engine.Engine, transport: "udp" | "tcp") => {
  const pair = async () => {
    const caller = await Scene.registered(engine(), "1001", { transport });
    const callee = await Scene.registered(engine(), "1002", { transport });
    const close = async () => {
      await Promise.all([caller.register(0), callee.register(0)]);
      await Promise.all([caller.close(), callee.close()]);
      await Engine.idle(engine());
    };
    return { caller, callee, close };
  };
  return { engine, pair };
};

type Suite = ReturnType<typeof prepare>;

const repeats = ({ engine, pair }: Suite): void => {
  test("an INVITE that comes three times is one call", async () => {
    const before = (await engine().cdrs()).length;
    const { caller, callee, close } = await pair();
    const dialling = await caller.dial("1002");
    caller.socket.send(dialling.invite.text);
    const incoming = await callee.incoming();
    incoming.ring();
    await dialling.response(180);
    caller.socket.send(dialling.invite.text);
    const [there, here] = await Promise.all([incoming.answer(), dialling.answered()]);
    await Scene.hangUp(here, there);
    expect(countOf(callee, isInvite)).toBe(1);
    await close();
    expect(await Engine.cdrs(engine(), before + 1)).toHaveLength(before + 1);
  });

  test("an answer that the callee repeats is acknowledged again", async () => {
    const { caller, callee, close } = await pair();
    const dialling = await caller.dial("1002");
    const incoming = await callee.incoming();
    const [there, here] = await Promise.all([incoming.answer(), dialling.answered()]);
    const acks = countOf(callee, isAck);
    // As a callee does whose ACK was lost: the very same answer, to-tag and all.
    const toTag = Sip.tagOf(incoming.dialog.local);
    const body = Sip.audio({ ip: "127.0.0.1", port: 42_000 });
    const headers: Sip.Headers = [["Contact", callee.contact], [
      "Content-Type",
      "application/sdp",
    ]];
    callee.socket.send(Sip.respond(incoming.invite, "200 OK", { toTag, headers, body }));
    await until("another ACK", () => countOf(callee, isAck) > acks, 5_000, {
      context: callee.socket.trace,
    });
    expect(countOf(caller, isOk)).toBe(1);
    await Scene.hangUp(here, there);
    await close();
  });

  test("a BYE that comes twice is answered twice with 200", async () => {
    const { caller, callee, close } = await pair();
    const { caller: here, callee: there } = await Scene.connect(caller, callee);
    const isBye = (message: Sip.Message) => message.method === "BYE" && message.status === 200;
    await Promise.all([here.bye(), there.ended()]);
    const answers = countOf(caller, isBye);
    caller.socket.send(caller.socket.sent.findLast((text) => text.startsWith("BYE ")) ?? "");
    await until("a second answer", () => countOf(caller, isBye) > answers, 5_000);
    await close();
  });
};

const unacknowledged = ({ engine, pair }: Suite): void => {
  test("an answer is repeated until its ACK comes", async () => {
    const { caller, callee, close } = await pair();
    const dialling = await caller.dial("1002");
    const incoming = await callee.incoming();
    const answering = later(incoming.answer());
    // The first two answers are as good as lost: the caller does not react.
    await dialling.response(200);
    await dialling.response(200, 200, 5_000);
    const here = await dialling.answered(5_000);
    const acknowledged = countOf(caller, isOk);
    expect(acknowledged).toBeGreaterThanOrEqual(3);
    await Scene.hangUp(here, await answering);
    // Repeats leave at most 4 s apart (T2): none may follow the ACK.
    await delay(4_500);
    expect(countOf(caller, isOk)).toBe(acknowledged);
    await close();
  });

  test("a call whose answer is never acknowledged ends", async () => {
    const { caller, callee, close } = await pair();
    const dialling = await caller.dial("1002");
    const incoming = await callee.incoming();
    const answering = later(incoming.answer());
    await dialling.response(200);
    const there = await answering;
    const lateMs = transactionMs + 10_000;
    const bye = await caller.socket.next("BYE to the silent caller", isByeOf(dialling), lateMs);
    caller.socket.send(Sip.respond(bye, "200 OK"));
    await there.ended(lateMs);
    await close();
    const latest = (await engine().cdrs())
      .toSorted((a, b) => a.endedAt < b.endedAt ? -1 : 1).at(-1);
    expect(latest?.answeredAt).not.toBeNull();
    expect(latest).toMatchObject({ cause: causes.lost, endedBy: endedBy.caller });
  }, 2 * transactionMs);
};

Need.suite("A3 lost and repeated messages", [], () => {
  const engine = Engine.forSuite(() => ({}));
  describe.for(["udp", "tcp"] as const)("over %s", (transport) => {
    const suite = prepare(engine, transport);
    repeats(suite);
    unacknowledged(suite);
  });
});
