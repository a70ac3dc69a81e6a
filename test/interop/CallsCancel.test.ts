/** CANCEL, BYE and answers that cross each other before the call is up. */
import { expect, test } from "vitest";
import { cancelOf } from "../support/Dialog.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

const branchOf = (invite: Sip.Message) => /branch=([^;]+)/.exec(Sip.header(invite, "via"))![1]!;

Need.suite("a call that is given up", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const scene = async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1002");
    const invite = await Wire.request(callee, "INVITE");
    const close = () => Wire.close(caller, callee);
    return { caller, callee, dialling, invite, close };
  };

  test("CANCEL reaches the callee only after its first provisional response", async () => {
    const { callee, dialling, invite, close } = await scene();
    expect((await dialling.cancel()).status).toBe(200);
    expect((await dialling.refused()).status).toBe(487);
    // The repeated INVITE comes half a second later: until then no CANCEL may have come.
    await Wire.request(callee, "INVITE");
    expect(Wire.requests(callee, "CANCEL")).toEqual([]);
    Wire.respond(callee, invite, "180 Ringing");
    const cancel = await Wire.request(callee, "CANCEL");
    expect(Sip.header(cancel, "via").split(";rport")[0]).toBe(
      Sip.header(invite, "via").split(";rport")[0],
    );
    expect(Sip.header(cancel, "to")).toBe(Sip.header(invite, "to"));
    expect(Sip.header(cancel, "from")).toBe(Sip.header(invite, "from"));
    expect(Sip.header(cancel, "cseq")).toBe("1 CANCEL");
    expect(cancel.start.split(" ")[1]).toBe(invite.start.split(" ")[1]);
    Wire.respond(callee, cancel, "200 OK");
    Wire.respond(callee, invite, "487 Request Terminated");
    const ack = await Wire.request(callee, "ACK");
    expect(branchOf(ack)).toBe(branchOf(invite));
    await close();
  });

  test("a final response instead of a provisional one leaves no CANCEL behind", async () => {
    const { callee, dialling, invite, close } = await scene();
    await dialling.cancel();
    await dialling.refused();
    Wire.respond(callee, invite, "486 Busy Here");
    await Wire.request(callee, "ACK");
    await Wire.settled(callee);
    expect(Wire.requests(callee, "CANCEL")).toEqual([]);
    await close();
  });

  test("an answer that crosses our CANCEL gets ACK and BYE", async () => {
    const { callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "180 Ringing");
    await dialling.response(180);
    await dialling.cancel();
    expect((await dialling.refused()).status).toBe(487);
    const cancel = await Wire.request(callee, "CANCEL");
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    Wire.respond(callee, cancel, "200 OK");
    const ack = await Wire.request(callee, "ACK");
    expect(branchOf(ack)).not.toBe(branchOf(invite));
    const bye = await Wire.request(callee, "BYE");
    Wire.respond(callee, bye, "200 OK");
    await close();
  });

  test("an answer at once, to a call that was cancelled, gets ACK and BYE", async () => {
    const { callee, dialling, invite, close } = await scene();
    await dialling.cancel();
    await dialling.refused();
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    await Wire.request(callee, "ACK");
    const bye = await Wire.request(callee, "BYE");
    Wire.respond(callee, bye, "200 OK");
    await Wire.settled(callee);
    expect(Wire.requests(callee, "CANCEL")).toEqual([]);
    await close();
  });

  test("a CANCEL that comes after the answer changes nothing", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
    await Wire.request(callee, "ACK");
    const answered = await dialling.response(200);
    expect((await dialling.cancel()).status).toBe(200);
    const dialog = dialling.dialog(answered);
    const ack = Sip.format(`ACK ${dialog.target} SIP/2.0`, [
      ["Via", `SIP/2.0/UDP 127.0.0.1:${caller.socket.local.port};branch=${Sip.branch()};rport`],
      ["Max-Forwards", "70"],
      ["From", dialog.local],
      ["To", dialog.remote],
      ["Call-ID", dialog.callId],
      ["CSeq", `${dialog.cseq} ACK`],
    ]);
    caller.socket.send(ack);
    await Wire.settled(caller);
    expect(Wire.statuses(caller)).toEqual([200]);
    expect(Wire.requests(callee, "BYE")).toEqual([]);
    await close();
  });

  test("a CANCEL that comes twice is answered twice, and cancels once", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "180 Ringing");
    await dialling.response(180);
    const first = await dialling.cancel();
    const again = await dialling.cancel();
    expect([first.status, again.status]).toEqual([200, 200]);
    expect((await dialling.refused()).status).toBe(487);
    const cancel = await Wire.request(callee, "CANCEL");
    Wire.respond(callee, cancel, "200 OK");
    Wire.respond(callee, invite, "487 Request Terminated");
    await Wire.request(callee, "ACK");
    await Wire.settled(callee);
    expect(Wire.requests(callee, "CANCEL")).toHaveLength(1);
    expect(Wire.statuses(caller)).toEqual([180, 487]);
    await close();
  });

  test("a CANCEL of nothing gets 481", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const invite = Sip.parse(
      Sip.format("INVITE sip:1002@demo.test SIP/2.0", [
        ["Via", `SIP/2.0/UDP 127.0.0.1:${caller.socket.local.port};branch=${Sip.branch()};rport`],
        ["From", `<${caller.aor}>;tag=x`],
        ["To", "<sip:1002@demo.test>"],
        ["Call-ID", Sip.token()],
        ["CSeq", "1 INVITE"],
      ]),
      caller.socket.local,
      0,
    );
    caller.socket.send(cancelOf(invite, Sip.branch()));
    const answer = await caller.socket.next(
      "answer to CANCEL",
      ({ method }) => method === "CANCEL",
    );
    expect(answer.status).toBe(481);
    await close(caller);
  });
  const close = Wire.close;

  test("BYE in an early dialog ends the call: 200 to it, 487 to the INVITE", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "180 Ringing");
    const ringing = await dialling.response(180);
    const dialog = dialling.dialog(ringing);
    const refused = later(dialling.refused());
    const bye = Sip.format(`BYE ${dialog.target} SIP/2.0`, [
      ["Via", `SIP/2.0/UDP 127.0.0.1:${caller.socket.local.port};branch=${Sip.branch()};rport`],
      ["Max-Forwards", "70"],
      ["From", dialog.local],
      ["To", dialog.remote],
      ["Call-ID", dialog.callId],
      ["CSeq", `${dialog.cseq + 1} BYE`],
    ]);
    caller.socket.send(bye);
    const ok = await caller.socket.next("answer to BYE", ({ method }) => method === "BYE");
    expect(ok.status).toBe(200);
    expect((await refused).status).toBe(487);
    const cancel = await Wire.request(callee, "CANCEL");
    Wire.respond(callee, cancel, "200 OK");
    Wire.respond(callee, invite, "487 Request Terminated");
    await Wire.request(callee, "ACK");
    await close();
  });

  test("OPTIONS in an early dialog is answered, for both sides", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "180 Ringing");
    const dialog = dialling.dialog(await dialling.response(180));
    const probe = async (phone: typeof caller, own: typeof dialog) => {
      phone.socket.send(Sip.format(`OPTIONS ${own.target} SIP/2.0`, [
        ["Via", `SIP/2.0/UDP 127.0.0.1:${phone.socket.local.port};branch=${Sip.branch()};rport`],
        ["Max-Forwards", "70"],
        ["From", own.local],
        ["To", own.remote],
        ["Call-ID", own.callId],
        ["CSeq", `${own.cseq + 1} OPTIONS`],
      ]));
      return await phone.socket.next(
        "answer to OPTIONS",
        (message) => message.method === "OPTIONS" && !message.isRequest,
      );
    };
    expect((await probe(caller, dialog)).status).toBe(200);
    const there = {
      callId: Sip.header(invite, "call-id"),
      local: `${Sip.header(invite, "to")};tag=phone`,
      remote: Sip.header(invite, "from"),
      target: Sip.uriOf(Sip.header(invite, "contact")),
      routes: [],
      cseq: 10,
    };
    expect((await probe(callee, there)).status).toBe(200);
    await dialling.cancel();
    await dialling.refused();
    await close();
  });

  test("the caller's reason for its CANCEL reaches the callee", async () => {
    const { caller, callee, dialling, invite, close } = await scene();
    Wire.respond(callee, invite, "180 Ringing");
    await dialling.response(180);
    const reason = 'SIP;cause=200;text="Call completed elsewhere"';
    const cancel = cancelOf(dialling.invite, branchOf(dialling.invite));
    caller.socket.send(
      cancel.replace("\r\nContent-Length", `\r\nReason: ${reason}\r\nContent-Length`),
    );
    expect((await dialling.refused()).status).toBe(487);
    expect(Sip.header(await Wire.request(callee, "CANCEL"), "reason")).toBe(reason);
    await close();
  });
});
