/** Media as signalling steers it: early media, hold, sources that move, RTCP, directions. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Rtp from "../support/Rtp.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later, until } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

const ip = "127.0.0.1";
const arrivalMs = 3_000;

let ssrc = 1;

/** A socket that is known by what it sends. */
const source = async (port?: number) => {
  const rtp = await Rtp.open(ip, port ?? await Ports.free(ip, 2));
  const own = ssrc++;
  let sequence = 0;
  const send = (to: Sip.Address) =>
    rtp.send(Rtp.packet(sequence++, own, Uint8Array.from({ length: 160 }, () => 0xff)), to);
  const heard = (from: { readonly ssrc: number }) =>
    rtp.received.filter((packet) => packet.ssrc === from.ssrc);
  return { ...rtp, ssrc: own, send, heard };
};
type Source = Awaited<ReturnType<typeof source>>;

/** Sends until it is heard on the other side. */
const passes = (from: Source, to: Sip.Address, at: Source): Promise<unknown> => {
  const before = at.heard(from).length;
  return until(`RTP of ${from.ssrc}`, () => {
    from.send(to);
    return at.heard(from).length > before;
  }, arrivalMs);
};

/**
 * Waits until of ten packets none arrives, while those of `fence` do on the same way: the relay
 * follows signalling a moment later.
 */
const isRefused = (from: Source, to: Sip.Address, at: Source, fence: () => Promise<unknown>) =>
  until(`silence of ${from.ssrc}`, async () => {
    const before = at.heard(from).length;
    for (let n = 0; n < 10; n++) from.send(to);
    await fence();
    return at.heard(from).length === before;
  }, arrivalMs);

Need.suite("media of a call", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const scene = async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const [a, b] = [await source(), await source()];
    const close = () => Promise.all([Wire.close(caller, callee), a.close(), b.close()]);
    return { caller, callee, a, b, close };
  };

  /** A call that is up, and where each side sends to. */
  const call = async () => {
    const made = await scene();
    const { caller, callee, a, b } = made;
    const { caller: here, callee: there } = await Scene.connect(caller, callee, {
      offer: Wire.sdpOf(caller, a.local.port),
      answer: Wire.sdpOf(callee, b.local.port),
    });
    const [toB, toA] = [Sip.audioTarget(here.sdp), Sip.audioTarget(there.sdp)];
    const reinvite = async (
      by: "caller" | "callee",
      offer: string,
      answer: string,
    ) => {
      const [asker, other, phone] = by === "caller" ? [here, there, callee] : [there, here, caller];
      const asked = later(asker.reinvite(offer));
      other.reply(await other.asked("INVITE"), "200 OK", { body: answer });
      const answered = await asked;
      await Wire.request(phone, "ACK");
      return answered;
    };
    return { ...made, here, there, toB, toA, reinvite };
  };

  test("what the callee plays before it answers reaches the caller, and back", async () => {
    const { caller, callee, a, b, close } = await scene();
    const dialling = await caller.dial("1002", { body: Wire.sdpOf(caller, a.local.port) });
    const invite = await Wire.request(callee, "INVITE");
    Wire.respond(callee, invite, "183 Session Progress", { sdp: Wire.sdpOf(callee, b.local.port) });
    const early = await dialling.response(183);
    await passes(b, Sip.audioTarget(invite.body), a);
    await passes(a, Sip.audioTarget(early.body), b);
    const port = Sip.audioTarget(early.body).port;
    expect(a.heard(b).every(({ from }) => from.port === port)).toBe(true);
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, b.local.port) });
    await dialling.answered();
    await passes(b, Sip.audioTarget(invite.body), a);
    await close();
  });

  test("early media of a fork that is refused gives way to that of the next", async () => {
    const { caller, callee, a, b, close } = await scene();
    const other = await Scene.phone(engine(), "1002");
    await other.register();
    const c = await source();
    const dialling = await caller.dial("1002", { body: Wire.sdpOf(caller, a.local.port) });
    const one = await Wire.request(callee, "INVITE");
    const two = await Wire.request(other, "INVITE");
    Wire.respond(callee, one, "183 Session Progress", {
      tag: "b",
      sdp: Wire.sdpOf(callee, b.local.port),
    });
    await dialling.response(183);
    Wire.respond(other, two, "183 Session Progress", {
      tag: "c",
      sdp: Wire.sdpOf(other, c.local.port),
    });
    await dialling.response(183);
    await passes(c, Sip.audioTarget(two.body), a);
    Wire.respond(other, two, "486 Busy Here", { tag: "c" });
    await Wire.request(other, "ACK");
    await passes(b, Sip.audioTarget(one.body), a);
    await dialling.cancel();
    await Promise.all([close(), Wire.close(other), c.close()]);
  });

  test("another phone behind the callee's proxy is heard when it answers", async () => {
    const { caller, callee, a, b, close } = await scene();
    const c = await source();
    const dialling = await caller.dial("1002", { body: Wire.sdpOf(caller, a.local.port) });
    const invite = await Wire.request(callee, "INVITE");
    Wire.respond(callee, invite, "183 Session Progress", {
      tag: "b",
      sdp: Wire.sdpOf(callee, b.local.port),
    });
    await dialling.response(183);
    await passes(b, Sip.audioTarget(invite.body), a);
    Wire.respond(callee, invite, "200 OK", { tag: "c", sdp: Wire.sdpOf(callee, c.local.port) });
    const here = await dialling.answered();
    await passes(a, Sip.audioTarget(here.sdp), c);
    await passes(c, Sip.audioTarget(invite.body), a);
    await Promise.all([close(), c.close()]);
  });

  test("a source that moves is refused, until a new description says so", async () => {
    const { caller, callee, a, b, toB, toA, reinvite, close } = await call();
    const moved = await source();
    await passes(a, toB, b);
    await passes(b, toA, a);
    await isRefused(moved, toB, b, () => passes(a, toB, b));
    const offer = Wire.sdpOf(caller, moved.local.port, { version: 2 });
    await reinvite("caller", offer, Wire.sdpOf(callee, b.local.port, { version: 2 }));
    await passes(moved, toB, b);
    await isRefused(a, toB, b, () => passes(moved, toB, b));
    await passes(b, toA, moved);
    await Promise.all([close(), moved.close()]);
  });

  test("RTP goes on while an offer is open, and after it was refused", async () => {
    const { caller, callee, a, b, here, there, toB, toA, close } = await call();
    await passes(a, toB, b);
    const asked = later(here.reinvite(Wire.sdpOf(caller, a.local.port + 1, { version: 2 })));
    const passed = await there.asked("INVITE");
    await passes(a, toB, b);
    await passes(b, toA, a);
    there.reply(passed, "488 Not Acceptable Here");
    expect((await asked).status).toBe(488);
    await passes(a, toB, b);
    await passes(b, toA, a);
    void callee;
    await close();
  });

  test("a hold stops what it says, and nothing else", async () => {
    const { caller, callee, a, b, toB, toA, reinvite, close } = await call();
    await passes(a, toB, b);
    await passes(b, toA, a);
    const description = (version: number, direction: string) =>
      Wire.sdpOf(caller, a.local.port, { version, direction: direction as "sendonly" });
    const answer = (version: number, direction: string) =>
      Wire.sdpOf(callee, b.local.port, { version, direction: direction as "sendonly" });
    // Music on hold goes out, nothing comes back.
    await reinvite("caller", description(2, "sendonly"), answer(2, "recvonly"));
    await passes(a, toB, b);
    await isRefused(b, toA, a, () => passes(a, toB, b));
    await reinvite("caller", description(3, "sendrecv"), answer(3, "sendrecv"));
    await passes(a, toB, b);
    await passes(b, toA, a);
    await close();
  });

  test("RTCP is relayed on the port above, and to the port that a=rtcp names", async () => {
    const { caller, callee, a, b, toB, toA, reinvite, close } = await call();
    const aControl = await Rtp.open(ip, a.local.port + 1);
    const named = await Rtp.open(ip, await Ports.free(ip));
    // An empty receiver report, and a goodbye without a reason.
    const report = (from: number) =>
      Uint8Array.from([0x80, 201, 0, 1, 0, 0, 0, from, 0x81, 203, 0, 1, 0, 0, 0, from]);
    const above = ({ ip, port }: Sip.Address) => ({ ip, port: port + 1 });
    await passes(a, toB, b);
    const bControl = await Rtp.open(ip, b.local.port + 1);
    await until("RTCP at the callee", () => {
      aControl.send(report(1), above(toB));
      return bControl.received.length > 0;
    }, arrivalMs);
    await until("RTCP at the caller", () => {
      bControl.send(report(2), above(toA));
      return aControl.received.length > 0;
    }, arrivalMs);
    expect(aControl.received[0]!.from.port).toBe(toB.port + 1);
    const offer = Wire.sdpOf(caller, a.local.port, { version: 2 })
      .replace("a=sendrecv", `a=rtcp:${named.local.port}\r\na=sendrecv`);
    await reinvite("caller", offer, Wire.sdpOf(callee, b.local.port, { version: 2 }));
    await until("RTCP where a=rtcp says", () => {
      bControl.send(report(3), above(toA));
      return named.received.length > 0;
    }, arrivalMs);
    await Promise.all([close(), aControl.close(), bControl.close(), named.close()]);
  });

  test("a stream that is added in the call flows, and one that is refused does not", async () => {
    const { caller, callee, a, b, toB, reinvite, close } = await call();
    const [va, vb] = [await source(), await source()];
    const video = (port: number) => `m=video ${port} RTP/AVP 31\r\n`;
    const answered = await reinvite(
      "caller",
      Wire.sdpOf(caller, a.local.port, { version: 2 }) + video(va.local.port),
      Wire.sdpOf(callee, b.local.port, { version: 2 }) + video(vb.local.port),
    );
    const port = Number(/^m=video (\d+)/m.exec(answered.body)?.[1]);
    await passes(va, { ip, port }, vb);
    await passes(a, toB, b);
    await reinvite(
      "caller",
      Wire.sdpOf(caller, a.local.port, { version: 3 }) + video(0),
      Wire.sdpOf(callee, b.local.port, { version: 3 }) + video(0),
    );
    await isRefused(va, { ip, port }, vb, () => passes(a, toB, b));
    await Promise.all([close(), va.close(), vb.close()]);
  });

  test("a late offer's media flows when the ACK brought the answer", async () => {
    const { caller, callee, a, b, close } = await scene();
    const dialling = await caller.dial("1002", { body: "" });
    const invite = await Wire.request(callee, "INVITE");
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, b.local.port) });
    const ok = await dialling.response(200);
    const dialog = dialling.dialog(ok);
    const sdp = Wire.sdpOf(caller, a.local.port);
    caller.socket.send(Sip.format(`ACK ${dialog.target} SIP/2.0`, [
      ["Via", `SIP/2.0/UDP ${ip}:${caller.socket.local.port};branch=${Sip.branch()};rport`],
      ["Max-Forwards", "70"],
      ["From", dialog.local],
      ["To", dialog.remote],
      ["Call-ID", dialog.callId],
      ["CSeq", `${dialog.cseq} ACK`],
      ["Content-Type", "application/sdp"],
    ], sdp));
    const ack = await Wire.request(callee, "ACK");
    await passes(a, Sip.audioTarget(ok.body), b);
    await passes(b, Sip.audioTarget(ack.body), a);
    await close();
  });
});
