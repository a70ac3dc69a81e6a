/** Messages that are legal and rare, or wrong in a way that must do no harm. */
import { expect, test } from "vitest";
import { inDialog } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

Need.suite("odd messages", [], () => {
  const engine = Engine.forSuite(() => {
    const [demo] = Directory.demo().tenants;
    const other = { ...demo!, id: "other", domain: "other.test", users: Directory.users(1001, 5) };
    return { directory: { tenants: [demo!, other] } };
  });

  const scene = async (headers: Sip.Headers = []) => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1002", { headers });
    const invite = await Wire.request(callee, "INVITE");
    const close = () => Wire.close(caller, callee);
    return { caller, callee, dialling, invite, close };
  };

  const up = async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const { caller: here, callee: there } = await Scene.connect(caller, callee);
    const close = async () => {
      await Scene.hangUp(here, there);
      await Wire.close(caller, callee);
    };
    return { caller, callee, here, there, close };
  };

  test("a provisional without a tag, and an answer without one", async () => {
    const { callee, dialling, invite, close } = await scene();
    const mine: Sip.Headers = [["Contact", callee.contact]];
    callee.socket.send(Sip.respond(invite, "180 Ringing", { headers: mine }));
    await dialling.response(180);
    callee.socket.send(Sip.respond(invite, "200 OK", {
      headers: [...mine, ["Content-Type", "application/sdp"]],
      body: Wire.sdpOf(callee, 42_000),
    }));
    const here = await dialling.answered();
    await Wire.request(callee, "ACK");
    const [, bye] = await Promise.all([here.bye(), Wire.request(callee, "BYE")]);
    Wire.respond(callee, bye, "200 OK");
    await close();
  });

  test("what comes after an answer changes nothing: 180, 486, another Via", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    const here = await dialling.answered();
    await Wire.request(callee, "ACK");
    Wire.respond(callee, invite, "180 Ringing");
    Wire.respond(callee, invite, "486 Busy Here");
    const strange = Sip.respond(invite, "200 OK").replace(/branch=[^;]+/, "branch=z9hG4bKnobody");
    callee.socket.send(strange);
    await Wire.settled(callee);
    await Wire.settled(caller);
    expect(Wire.statuses(caller)).toEqual([200]);
    expect((await here.request("OPTIONS")).status).toBe(200);
    const [, bye] = await Promise.all([here.bye(), Wire.request(callee, "BYE")]);
    Wire.respond(callee, bye, "200 OK");
    await close();
  });

  test("an answer after a refusal of the same phone is not taken", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "486 Busy Here");
    expect((await dialling.refused()).status).toBe(486);
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    await Wire.settled(callee);
    await Wire.settled(caller);
    expect(Wire.statuses(caller)).toEqual([486]);
    await close();
  });

  test.for(
    [
      ["302 Moved Temporarily", 488],
      ["401 Unauthorized", 500],
      ["503 Service Unavailable", 500],
      ["600 Busy Everywhere", 600],
    ] as const,
  )("%s to an offer in a call becomes %i, and the call goes on", async (given) => {
    const [status, heard] = given;
    const { caller, callee, here, there, close } = await up();
    const asked = later(here.reinvite(Wire.sdpOf(caller, 40_000, { version: 2 })));
    const headers: Sip.Headers = [["Contact", "<sip:1003@demo.test>"]];
    there.reply(await there.asked("INVITE"), status, { headers });
    expect((await asked).status).toBe(heard);
    await Wire.request(callee, "ACK");
    await close();
  });

  test("an offer again with the same version is passed on, and answered", async () => {
    const { caller, callee, here, there, close } = await up();
    const asked = later(here.reinvite(Wire.sdpOf(caller, 40_000)));
    there.reply(await there.asked("INVITE"), "200 OK", { body: Wire.sdpOf(callee, 42_000) });
    expect((await asked).status).toBe(200);
    await Wire.request(callee, "ACK");
    await close();
  });

  test("an ACK that comes twice, or with a stray body, is taken silently", async () => {
    const { caller, callee, here, close } = await up();
    const { dialog } = here;
    for (const body of [undefined, Wire.sdpOf(caller, 40_020)]) {
      const sent = { cseq: dialog.cseq, ...(body === undefined ? {} : { body }) };
      caller.socket.send(inDialog(caller, dialog, "ACK", sent));
    }
    await Wire.settled(caller);
    expect((await here.request("OPTIONS")).status).toBe(200);
    expect(Wire.requests(callee, "ACK")).toHaveLength(1);
    await close();
  });

  test("an INVITE without Contact, of a peer that must have one, gets 400", async () => {
    const caller = await Scene.phone(engine(), "1001");
    const { ip, port } = caller.socket.local;
    const text = Sip.format("INVITE sip:1002@demo.test SIP/2.0", [
      ["Via", `SIP/2.0/UDP ${ip}:${port};branch=${Sip.branch()};rport`],
      ["Max-Forwards", "70"],
      ["From", `<${caller.aor}>;tag=1`],
      ["To", "<sip:1002@demo.test>"],
      ["Call-ID", Sip.token(20)],
      ["CSeq", "1 INVITE"],
    ]);
    caller.socket.send(text);
    const answer = await caller.socket.next("an answer", ({ status }) => (status ?? 0) >= 200);
    expect(answer.status).toBe(400);
    await caller.close();
  });

  test("a preloaded Route to the engine, as an outbound proxy, is no obstacle", async () => {
    const { ip, port } = engine().sip;
    const { callee, dialling, invite, close } = await scene([["Route", `<sip:${ip}:${port};lr>`]]);
    expect(Sip.all(invite, "route")).toEqual([]);
    Wire.respond(callee, invite, "486 Busy Here");
    expect((await dialling.refused()).status).toBe(486);
    await close();
  });

  test("a number without a user part is nobody's", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const { ip, port } = caller.socket.local;
    const offer = Wire.sdpOf(caller, 40_000);
    caller.socket.send(Sip.format("INVITE sip:demo.test SIP/2.0", [
      ["Via", `SIP/2.0/UDP ${ip}:${port};branch=${Sip.branch()};rport`],
      ["Max-Forwards", "70"],
      ["From", `<${caller.aor}>;tag=1`],
      ["To", "<sip:demo.test>"],
      ["Call-ID", Sip.token(20)],
      ["CSeq", "1 INVITE"],
      ["Contact", caller.contact],
      ["Content-Type", "application/sdp"],
    ], offer));
    const answer = await caller.socket.next("an answer", ({ status }) => (status ?? 0) >= 200);
    expect([401, 404, 484]).toContain(answer.status);
    await caller.close();
  });

  test("a user of one tenant does not reach the phones of another by its domain", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const { ip, port } = caller.socket.local;
    const uri = "sip:1002@other.test";
    caller.socket.send(Sip.format(`INVITE ${uri} SIP/2.0`, [
      ["Via", `SIP/2.0/UDP ${ip}:${port};branch=${Sip.branch()};rport`],
      ["Max-Forwards", "70"],
      ["From", `<${caller.aor}>;tag=1`],
      ["To", `<${uri}>`],
      ["Call-ID", Sip.token(20)],
      ["CSeq", "1 INVITE"],
      ["Contact", caller.contact],
      ["Content-Type", "application/sdp"],
    ], Wire.sdpOf(caller, 40_000)));
    const answer = await caller.socket.next("an answer", ({ status }) => (status ?? 0) >= 200);
    expect(answer.status).toBe(404);
    await Wire.settled(callee);
    expect(Wire.requests(callee, "INVITE")).toEqual([]);
    await Wire.close(caller, callee);
  });

  test("OPTIONS to a user and in a call tell what we can do", async () => {
    const { caller, here, close } = await up();
    const answers = [
      await here.request("OPTIONS"),
      await caller.request("OPTIONS", "sip:1002@demo.test"),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(Sip.header(answer, "allow")).toContain("INVITE");
      expect(Sip.header(answer, "accept")).toBe("application/sdp");
    }
    await close();
  });

  test.for(["*43", "%2A43", "*44", "%2a44"])(
    "%s answers, holds, resumes and ends",
    async (dialled) => {
      const caller = await Scene.registered(engine(), "1001");
      const dialling = await caller.dial(dialled);
      const here = await dialling.answered();
      const description = (version: number, direction: "sendonly" | "inactive" | "sendrecv") =>
        Wire.sdpOf(caller, 40_000, { version, direction });
      expect((await here.reinvite(description(2, "sendonly"))).body).toContain("a=recvonly");
      expect((await here.reinvite(description(3, "inactive"))).body).toContain("a=inactive");
      expect((await here.reinvite(description(4, "sendrecv"))).body).toContain("a=sendrecv");
      const late = await here.request("INVITE");
      expect(late.body).toContain("m=audio");
      caller.socket.send(inDialog(caller, here.dialog, "ACK", {
        cseq: here.dialog.cseq,
        body: description(5, "sendrecv"),
      }));
      const unusable = description(6, "sendrecv")
        .replace("RTP/AVP 0 8 101", "RTP/AVP 99").replace(/a=rtpmap.*\r\n/g, "");
      const refused = await here.reinvite(unusable);
      expect(refused.status).toBe(488);
      expect((await here.bye()).status).toBe(200);
      await caller.close();
    },
  );

  test("an INVITE of a feature whose ACK never answers the offer ends with BYE", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const dialling = await caller.dial("*43", { body: "" });
    const ok = await dialling.response(200);
    expect(ok.body).toContain("m=audio");
    const dialog = dialling.dialog(ok);
    caller.socket.send(inDialog(caller, dialog, "ACK", { cseq: dialog.cseq }));
    Wire.respond(caller, await Wire.request(caller, "BYE"), "200 OK");
    await caller.close();
  });
});
