/** Offers and answers in every place where SIP lets them stand, and where they are missing. */
import { expect, test } from "vitest";
import { inDialog } from "../support/Dialog.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import * as Wire from "../support/Wire.ts";

Need.suite("offers and answers", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const scene = async (offer?: string) => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1002", offer === undefined ? {} : { body: offer });
    const invite = await Wire.request(callee, "INVITE");
    const close = () => Wire.close(caller, callee);
    return { caller, callee, dialling, invite, close };
  };

  /** A call to 1002 whose offer is refused before it rings. */
  const refused = async (offer: string) => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1002", { body: offer });
    const answer = await dialling.refused();
    expect(Wire.requests(callee, "INVITE")).toEqual([]);
    await Wire.close(caller, callee);
    return answer;
  };

  const ack = (phone: Phone.Phone, dialling: Phone.Dialling, answer: Sip.Message, sdp?: string) => {
    const dialog = dialling.dialog(answer);
    const body = sdp === undefined ? {} : { body: sdp };
    phone.socket.send(inDialog(phone, dialog, "ACK", { cseq: dialog.cseq, ...body }));
  };

  const ended = async (phone: Phone.Phone) => {
    const bye = await Wire.request(phone, "BYE");
    Wire.respond(phone, bye, "200 OK");
    return bye;
  };

  test("late offer: the offer goes to the caller, its answer to the callee", async () => {
    const { caller, callee, dialling, invite, close } = await scene("");
    expect(invite.body).toBe("");
    expect(Sip.header(invite, "content-type")).toBe("");
    const offer = Wire.sdpOf(callee, 42_000, { codecs: ["8 PCMA/8000", "0 PCMU/8000"] });
    Wire.respond(callee, invite, "200 OK", { sdp: offer });
    const ok = await dialling.response(200);
    expect(ok.body).toContain("RTP/AVP 8 0");
    expect(Wire.requests(callee, "ACK")).toEqual([]);
    ack(caller, dialling, ok, Wire.sdpOf(caller, 40_000, { codecs: ["8 PCMA/8000"] }));
    const there = await Wire.request(callee, "ACK");
    expect(there.body).toContain("RTP/AVP 8\r\n");
    expect(Sip.audioTarget(there.body).port).not.toBe(40_000);
    await close();
  });

  test("late offer whose ACK brings no answer: BYE to both, refused streams to one", async () => {
    const { caller, callee, dialling, invite, close } = await scene("");
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    const ok = await dialling.response(200);
    ack(caller, dialling, ok);
    const there = await Wire.request(callee, "ACK");
    expect(there.body).toContain("m=audio 0 ");
    await Promise.all([ended(caller), ended(callee)]);
    await close();
  });

  test("late offer without an offer in the 200: ACK and BYE, and 488", async () => {
    const { callee, dialling, invite, close } = await scene("");
    Wire.respond(callee, invite, "200 OK");
    await Wire.request(callee, "ACK");
    await ended(callee);
    expect((await dialling.refused()).status).toBe(488);
    await close();
  });

  test("late offer of two phones: the loser's ACK refuses its streams", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const phones = await Wire.phonesOf(engine(), "1002", 2);
    const dialling = await caller.dial("1002", { body: "" });
    const invites = await Promise.all(phones.map((phone) => Wire.request(phone, "INVITE")));
    const [winner, loser] = [phones[0]!, phones[1]!];
    Wire.respond(winner, invites[0]!, "200 OK", { sdp: Wire.sdpOf(winner, 42_000) });
    const ok = await dialling.response(200);
    Wire.respond(loser, invites[1]!, "200 OK", { sdp: Wire.sdpOf(loser, 42_002) });
    expect((await Wire.request(loser, "ACK")).body).toContain("m=audio 0 ");
    await ended(loser);
    ack(caller, dialling, ok, Wire.sdpOf(caller, 40_000));
    expect((await Wire.request(winner, "ACK")).body).toMatch(/m=audio [1-9]/);
    await Wire.close(caller, ...phones);
  });

  test("a description in a 183 to an INVITE without offer is not shown", async () => {
    const { callee, dialling, invite, close } = await scene("");
    Wire.respond(callee, invite, "183 Session Progress", { sdp: Wire.sdpOf(callee, 42_000) });
    expect((await dialling.response(183)).body).toBe("");
    Wire.respond(callee, invite, "486 Busy Here");
    expect((await dialling.refused()).status).toBe(486);
    await close();
  });

  test("a 200 without the answer that it owes: ACK and BYE, and 488 to the caller", async () => {
    const { callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "200 OK");
    await Wire.request(callee, "ACK");
    await ended(callee);
    expect((await dialling.refused()).status).toBe(488);
    await close();
  });

  test("a 200 with a body that is no description counts as one without an answer", async () => {
    const { callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "200 OK", { sdp: "v=0\r\nnonsense\r\n" });
    await Wire.request(callee, "ACK");
    await ended(callee);
    expect((await dialling.refused()).status).toBe(488);
    await close();
  });

  test.for(
    [
      ["another number of streams", (sdp: string) => `${sdp}m=video 42010 RTP/AVP 31\r\n`],
      ["another media type", (sdp: string) => sdp.replace("m=audio", "m=video")],
    ] as const,
  )("an answer with %s is none", async ([, change]) => {
    const { callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "200 OK", { sdp: change(Wire.sdpOf(callee, 42_000)) });
    await Wire.request(callee, "ACK");
    await ended(callee);
    expect((await dialling.refused()).status).toBe(488);
    await close();
  });

  test("a 200 without description after a 183 with it: the 183's stands", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "183 Session Progress", { sdp: Wire.sdpOf(callee, 42_000) });
    const early = await dialling.response(183);
    Wire.respond(callee, invite, "200 OK");
    const ok = await dialling.response(200);
    expect(ok.body).toBe(early.body);
    expect(Sip.header(ok, "to")).toBe(Sip.header(early, "to"));
    ack(caller, dialling, ok);
    await Wire.request(callee, "ACK");
    await close();
  });

  test("another phone behind the callee's proxy answers: its description counts", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    const first = Wire.sdpOf(callee, 42_000, { codecs: ["0 PCMU/8000"] });
    Wire.respond(callee, invite, "183 Session Progress", { tag: "one", sdp: first });
    const early = await dialling.response(183);
    expect(early.body).toContain("RTP/AVP 0\r\n");
    const other = Wire.sdpOf(callee, 42_002, { codecs: ["8 PCMA/8000"] });
    Wire.respond(callee, invite, "183 Session Progress", { tag: "two", sdp: other });
    const second = await dialling.response(183);
    expect(second.body).toContain("RTP/AVP 8\r\n");
    Wire.respond(callee, invite, "200 OK", { tag: "two", sdp: other });
    const ok = await dialling.response(200);
    expect(ok.body).toBe(second.body);
    expect(Sip.header(ok, "to")).toBe(Sip.header(second, "to"));
    expect(Sip.header(second, "to")).not.toBe(Sip.header(early, "to"));
    ack(caller, dialling, ok);
    expect(Sip.tagOf(Sip.header(await Wire.request(callee, "ACK"), "to"))).toBe("two");
    await close();
  });

  test("a phone that shows nothing before it answers, after another showed something", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    const first = Wire.sdpOf(callee, 42_000, { codecs: ["0 PCMU/8000"] });
    Wire.respond(callee, invite, "183 Session Progress", { tag: "one", sdp: first });
    const early = await dialling.response(183);
    const other = Wire.sdpOf(callee, 42_002, { codecs: ["8 PCMA/8000"] });
    Wire.respond(callee, invite, "200 OK", { tag: "two", sdp: other });
    const ok = await dialling.response(200);
    expect(ok.body).toContain("RTP/AVP 8\r\n");
    expect(Sip.header(ok, "to")).not.toBe(Sip.header(early, "to"));
    ack(caller, dialling, ok);
    await Wire.request(callee, "ACK");
    await close();
  });

  test("an offer reaches the other side as it was, but for addresses and keys", async () => {
    const offer = [
      "v=0",
      "o=alice 2890844526 2890844526 IN IP4 127.0.0.1",
      "s=Ä call",
      "b=AS:128",
      "t=0 0",
      "a=tool:unheard-of 3.1",
      "m=audio 40000 RTP/AVP 96 8 0 18 101",
      "c=IN IP4 127.0.0.1",
      "b=TIAS:64000",
      "a=rtpmap:96 opus/48000/2",
      "a=fmtp:96 useinbandfec=1;maxplaybackrate=16000",
      "a=rtpmap:8 PCMA/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:30",
      "a=maxptime:60",
      "a=rtcp:40021 IN IP4 127.0.0.1",
      "a=candidate:1 1 UDP 2130706431 10.9.8.7 40000 typ host",
      "a=ice-ufrag:abcd",
      "a=ice-pwd:abcdefghijklmnopqrstuvwx",
      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
      "a=x-unknown:kept as it is",
      "a=sendrecv",
      "m=video 0 RTP/AVP 31",
      "",
    ].join("\r\n");
    const { dialling, invite, close } = await scene(offer);
    const { body } = invite;
    const lines = body.split("\r\n");
    for (
      const line of [
        "b=AS:128",
        "a=tool:unheard-of 3.1",
        "b=TIAS:64000",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1;maxplaybackrate=16000",
        "a=fmtp:101 0-16",
        "a=ptime:30",
        "a=maxptime:60",
        "a=x-unknown:kept as it is",
        "m=video 0 RTP/AVP 31",
      ]
    ) expect(lines).toContain(line);
    expect(body).toMatch(/^m=audio \d+ RTP\/AVP 96 8 0 18 101$/m);
    expect(body).not.toMatch(/candidate|ice-|crypto|10\.9\.8\.7|40000|40021|a=rtcp:|alice/);
    await dialling.cancel();
    expect((await dialling.refused()).status).toBe(487);
    await close();
  });

  test("streams that we carry and streams that we do not", async () => {
    const offer = Wire.sdpOf({ socket: { local: { ip: "127.0.0.1" } } } as Phone.Phone, 40_000) +
      "m=video 40010 RTP/AVP 31\r\nm=application 40020 TCP/MSRP *\r\nm=audio 40030 RTP/SAVP 0\r\n";
    const { invite, dialling, close } = await scene(offer);
    const media = invite.body.split("\r\n").filter((line) => line.startsWith("m="));
    expect(media).toHaveLength(4);
    expect(media[0]).toMatch(/^m=audio [1-9]\d* RTP\/AVP 0 8 101$/);
    expect(media[1]).toMatch(/^m=video [1-9]\d* RTP\/AVP 31$/);
    expect(media[2]).toBe("m=application 0 TCP/MSRP *");
    expect(media[3]).toBe("m=audio 0 RTP/SAVP 0");
    await dialling.cancel();
    await dialling.refused();
    await close();
  });

  const secure = [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=audio 40000 RTP/SAVP 0",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    "",
  ].join("\r\n");

  test.for(
    [
      ["nothing but SRTP", secure, 488],
      ["nothing but refused streams", secure.replace("40000 RTP/SAVP", "0 RTP/AVP"), 488],
      ["no stream", secure.split("m=audio")[0]!, 488],
      ["no address", secure.replace("c=IN IP4 127.0.0.1\r\n", "").replace("SAVP", "AVP"), 400],
      ["a port beyond 65535", secure.replace("40000 RTP/SAVP", "70000 RTP/AVP"), 400],
    ] as const,
  )("an offer with %s is refused", async ([, offer, status]) => {
    expect((await refused(offer)).status).toBe(status);
  });

  test("an IPv6 address in an offer gives way to the relay's", async () => {
    const offer = secure.replace("c=IN IP4 127.0.0.1", "c=IN IP6 ::1").replace("SAVP", "AVP");
    const { invite, dialling, close } = await scene(offer);
    expect(invite.body).toContain("c=IN IP4 127.0.0.1");
    await dialling.cancel();
    await dialling.refused();
    await close();
  });

  test("the versions of our descriptions rise by one, in one session id for each leg", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    const call = await dialling.answered();
    await Wire.request(callee, "ACK");
    const origins = (messages: ReadonlyArray<Sip.Message>) =>
      messages.filter(({ body }) => body !== "")
        .map(({ body }) => /^o=- (\d+) (\d+) /m.exec(body)!.slice(1, 3).map(Number));
    for (const version of [2, 3, 4]) {
      const sdp = Wire.sdpOf(caller, 40_000, { version });
      const answered = call.reinvite(sdp);
      const passed = await Wire.request(callee, "INVITE");
      const status = version === 3 ? "488 Not Acceptable Here" : "200 OK";
      const answer = Wire.sdpOf(callee, 42_000, { version });
      Wire.respond(callee, passed, status, version === 3 ? {} : { sdp: answer });
      expect((await answered).status).toBe(version === 3 ? 488 : 200);
      await Wire.request(callee, "ACK");
    }
    const sent = origins(Wire.requests(callee, "INVITE"));
    expect(new Set(sent.map(([id]) => id)).size).toBe(1);
    expect(sent.map(([, version]) => version)).toEqual([1, 2, 3, 4]);
    const told = origins(Wire.responses(caller, "INVITE").filter(({ status }) => status === 200));
    expect(new Set(told.map(([id]) => id)).size).toBe(1);
    expect(told.map(([, version]) => version)).toEqual([1, 2, 3]);
    await Promise.all([call.bye(), ended(callee)]);
    await close();
  });
});
