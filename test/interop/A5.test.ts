/** A5: the process is killed in mid-call and started again; the calls are still there. */
import { expect, test } from "vitest";
import { parameters } from "../prove/Rows.ts";
import type { Call } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Goertzel from "../support/Goertzel.ts";
import { type CdrRow, endedBy, millisOf } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Ports from "../support/Ports.ts";
import * as Processes from "../support/Processes.ts";
import * as Rtp from "../support/Rtp.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until, within } from "../support/Until.ts";

const { calls, kills } = parameters("A5");

const ringing = 2;
const ringSeconds = 10;
/** From listening again to the last proper end. */
const againMs = 5_000;
/** A final response to a call that was ringing: its ring time, and 32 s for a silent callee. */
const finalMs = ringSeconds * 1_000 + 35_000;
/** A CDR's duration against the phones' own clock. */
const toleranceMs = 500;

interface Up extends Scene.Pair {
  readonly extension: string;
  readonly answeredAt: number;
}

interface Ringing {
  readonly stop: () => void;
  /** A refusal that gets no ACK is repeated for 32 s: an engine must acknowledge also old ones. */
  readonly isSettled: () => boolean;
}

/** A callee that rings for ever, whatever the engine does to its call. */
const ringForever = (phone: Phone.Phone): Ringing => {
  let stopped = false;
  const toTag = Sip.token();
  const answer = async () => {
    while (!stopped) {
      const isNew = (message: Sip.Message) =>
        message.isRequest && ["INVITE", "CANCEL"].includes(message.method);
      const request = await phone.socket.next("INVITE or CANCEL", isNew, 500).catch(() =>
        undefined
      );
      if (request === undefined) continue;
      if (request.method === "INVITE") {
        const headers: Sip.Headers = [["Contact", phone.contact]];
        phone.socket.send(Sip.respond(request, "180 Ringing", { toTag, headers }));
        continue;
      }
      phone.socket.send(Sip.respond(request, "200 OK", { toTag }));
      const callId = Sip.header(request, "call-id");
      const invite = phone.socket.received.findLast((message) =>
        message.method === "INVITE" && Sip.header(message, "call-id") === callId
      );
      if (invite !== undefined) {
        phone.socket.send(Sip.respond(invite, "487 Request Terminated", { toTag }));
      }
    }
  };
  void answer();
  const callIds = (method: string) =>
    new Set(
      phone.socket.received.filter((message) => message.isRequest && message.method === method)
        .map((message) => Sip.header(message, "call-id")),
    );
  return {
    stop: () => (stopped = true),
    isSettled: () => callIds("ACK").size === callIds("INVITE").size,
  };
};

const durationIsRight = (cdr: CdrRow, measuredMs: number) => {
  const stated = millisOf(cdr.endedAt) - millisOf(cdr.answeredAt ?? 0);
  expect(Math.abs(cdr.durationMs - stated)).toBeLessThanOrEqual(1_000);
  expect(Math.abs(stated - measuredMs)).toBeLessThanOrEqual(toleranceMs);
};

const users = Directory.users(1001, 2 * (calls + ringing) + 4);
const extension = (index: number) => users[index]?.extension ?? "";

const bringUp = async (engine: Engine.Engine, index: number): Promise<Up> => {
  const caller = await Scene.registered(engine, extension(2 * index));
  const callee = await Scene.registered(engine, extension(2 * index + 1));
  const pair = await Scene.connect(caller, callee);
  return { ...pair, extension: caller.options.extension, answeredAt: performance.now() };
};

const ring = async (engine: Engine.Engine, index: number) => {
  const caller = await Scene.registered(engine, extension(2 * index));
  const callee = await Scene.registered(engine, extension(2 * index + 1));
  const ringing = ringForever(callee);
  const dialling = await caller.dial(callee.options.extension);
  await dialling.response(180);
  return { ...ringing, dialling };
};

/** Ends calls, and remembers how long each was up by the phones' clock. */
const ender = () => {
  const durations = new Map<string, number>();
  const end = async (one: Up, by: Call, other: Call) => {
    await Scene.hangUp(by, other);
    durations.set(one.extension, performance.now() - one.answeredAt);
  };
  return {
    durations,
    byCaller: (one: Up) => end(one, one.caller, one.callee),
    byCallee: (one: Up) => end(one, one.callee, one.caller),
  };
};

const only = (engine: Engine.Engine, left: ReadonlyArray<Up>) =>
  until(
    "the other calls alone",
    async () => {
      const callers = new Set((await engine.calls()).map((row) => row.caller));
      return callers.size === left.length && left.every((one) => callers.has(one.extension));
    },
    againMs,
  );

const checkCdrs = (cdrs: ReadonlyArray<CdrRow>, durations: ReadonlyMap<string, number>) => {
  expect(cdrs).toHaveLength(calls + ringing);
  const answered = cdrs.filter((cdr) => cdr.answeredAt !== null);
  expect(answered).toHaveLength(calls);
  expect(new Set(answered.map((cdr) => cdr.caller)).size).toBe(calls);
  for (const cdr of answered) {
    expect([endedBy.caller, endedBy.callee]).toContain(cdr.endedBy);
    durationIsRight(cdr, durations.get(cdr.caller) ?? Number.NaN);
  }
};

const title = `${calls} calls survive kill -9, ${ringing} ringing ones end with a final response`;

Need.suite("A5 restart", [], () => {
  const first = Engine.forSuite(() => ({
    directory: Directory.demo({ users, limits: { ringSeconds } }),
  }));

  test(title, async () => {
    let engine = first();
    const left: Array<Up> = [];
    for (let index = 0; index < calls; index += 1) left.push(await bringUp(engine, index));
    const waiting: Array<Awaited<ReturnType<typeof ring>>> = [];
    for (let index = calls; index < calls + ringing; index += 1) {
      waiting.push(await ring(engine, index));
    }
    expect(await engine.calls()).toHaveLength(calls + ringing);
    const end = ender();
    for (let round = 0; round < kills; round += 1) {
      await engine.kill();
      engine = await engine.again();
      const listening = performance.now();
      const [one, other] = left.splice(0, 2);
      if (one === undefined || other === undefined) throw new Error("more kills than calls");
      await Promise.all([end.byCaller(one), end.byCallee(other)]);
      expect(performance.now() - listening).toBeLessThan(againMs);
    }
    const finals = await Promise.all(waiting.map(({ dialling }) => dialling.refused(finalMs)));
    for (const { status } of finals) expect(status).toBeGreaterThanOrEqual(400);
    const isSettled = () => waiting.every((one) => one.isSettled());
    await until("an ACK for each refusal of a callee", isSettled, 5_000);
    for (const { stop } of waiting) stop();
    await only(engine, left);
    for (const [index, one] of left.entries()) {
      await (index % 2 === 0 ? end.byCaller(one) : end.byCallee(one));
    }
    await Engine.idle(engine);
    checkCdrs(await Engine.cdrs(engine, calls + ringing), end.durations);
    await engine.stop();
  }, 600_000);
});

Need.suite("A5 audio after a restart", [], () => {
  const first = Engine.forSuite(() => ({}));

  test("phones that keep sending hear each other again", async () => {
    const [one, other] = await Promise.all(["1001", "1002"].map(async (extension) => {
      const port = await Ports.free("127.0.0.1", 2);
      const rtp = await Rtp.open("127.0.0.1", port);
      const phone = await Scene.registered(first(), extension);
      return { rtp, phone, sdp: Sip.audio({ ip: "127.0.0.1", port }) };
    }));
    if (one === undefined || other === undefined) throw new Error("two phones");
    const sdp = { offer: one.sdp, answer: other.sdp };
    const pair = await Scene.connect(one.phone, other.phone, sdp);
    const playing = [
      one.rtp.play(Sip.audioTarget(pair.caller.sdp), 440),
      other.rtp.play(Sip.audioTarget(pair.callee.sdp), 880),
    ];
    const hears = (rtp: Rtp.Rtp, hz: number, from = 0) => () =>
      Goertzel.tone(Rtp.samples(rtp.received.slice(from)), 8_000, hz).spanMs > 1_000;
    await until("sound both ways", () => hears(one.rtp, 880)() && hears(other.rtp, 440)(), 5_000);
    await first().kill();
    const engine = await first().again();
    const before = [one.rtp.received.length, other.rtp.received.length];
    await until("the callee's tone at the caller", hears(one.rtp, 880, before[0]), againMs);
    await until("the caller's tone at the callee", hears(other.rtp, 440, before[1]), againMs);
    for (const { stop } of playing) stop();
    await Scene.hangUp(pair.caller, pair.callee);
    await within("end of the engine", engine.stop(), 15_000);
    await Promise.all([one.rtp.close(), other.rtp.close()]);
  });
});

Need.suite("A5 nothing stays behind", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test("when the launcher is killed the engine and its media worker end", async () => {
    expect(Processes.descendantsOf(engine().launcher.pid).length).toBeGreaterThan(0);
    await engine().kill("launcher");
  });
});
