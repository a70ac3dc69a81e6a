/** What time does to calls: nobody answers, an offer stays open, the longest duration is over. */
import { expect, test } from "vitest";
import { acknowledge, inDialog } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import * as Wire from "../support/Wire.ts";

const ringSeconds = 2;
const maxCallSeconds = 6;
const lateMs = 10_000;

Need.suite("calls and time", [], () => {
  const engine = Engine.forSuite(() => {
    const [tenant] = Directory.demo().tenants;
    const limits = { ringSeconds, maxCallSeconds };
    return { directory: { tenants: [{ ...tenant!, limits }] } };
  });

  test("nobody answers: 480 to the caller, CANCEL to each phone that rang", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const phones = await Wire.phonesOf(engine(), "1002", 2);
    const dialling = await caller.dial("1002");
    const invites = await Promise.all(phones.map((phone) => Wire.request(phone, "INVITE")));
    Wire.respond(phones[0]!, invites[0]!, "180 Ringing");
    expect((await dialling.refused(lateMs)).status).toBe(480);
    expect(Sip.header(await Wire.request(phones[0]!, "CANCEL"), "reason")).toContain("cause=480");
    // The other one said nothing: it gets its CANCEL when it does.
    await Wire.settled(phones[1]!);
    expect(Wire.requests(phones[1]!, "CANCEL")).toEqual([]);
    Wire.respond(phones[1]!, invites[1]!, "100 Trying");
    await Wire.request(phones[1]!, "CANCEL");
    for (const [n, phone] of phones.entries()) {
      Wire.respond(phone, invites[n]!, "487 Request Terminated");
      await Wire.request(phone, "ACK");
    }
    await Wire.close(caller, ...phones);
  });

  test("an offer that is never answered is taken back, and the call goes on", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const { caller: here, callee: there } = await Scene.connect(caller, callee);
    const asked = here.reinvite(Wire.sdpOf(caller, 40_000, { version: 2 }));
    const passed = await there.asked("INVITE");
    there.reply(passed, "180 Ringing");
    const cancel = await Wire.request(callee, "CANCEL", lateMs);
    expect(Sip.header(cancel, "to")).toBe(Sip.header(passed, "to"));
    there.reply(cancel, "200 OK");
    there.reply(passed, "487 Request Terminated");
    expect((await asked).status).toBe(487);
    await Wire.request(callee, "ACK");
    expect((await here.request("OPTIONS")).status).toBe(200);
    await Scene.hangUp(here, there);
    await Wire.close(caller, callee);
  });

  test("the longest duration ends the call on both sides, in an open offer too", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const { caller: here, callee: there } = await Scene.connect(caller, callee);
    await Promise.all([here.ended(lateMs), there.ended(lateMs)]);
    await Wire.close(caller, callee);
  });

  test("an offer to a side that owes an ACK waits for it", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1002");
    const incoming = await callee.incoming();
    const there = await incoming.answer();
    const ok = await dialling.response(200);
    // The callee offers anew while the caller's ACK is still on its way.
    const cseq = ++there.dialog.cseq;
    const branch = Sip.branch();
    const text = inDialog(callee, there.dialog, "INVITE", {
      cseq,
      branch,
      body: Wire.sdpOf(callee, 42_000, { version: 2 }),
    });
    callee.socket.send(text);
    await Wire.settled(caller);
    expect(Wire.requests(caller, "INVITE")).toEqual([]);
    const dialog = dialling.dialog(ok);
    caller.socket.send(inDialog(caller, dialog, "ACK", { cseq: dialog.cseq }));
    const asked = await Wire.request(caller, "INVITE");
    Wire.respond(caller, asked, "488 Not Acceptable Here");
    const refused = await callee.socket.next("488", ({ status }) => status === 488);
    callee.socket.send(acknowledge(Sip.parse(text, callee.socket.local, 0), refused, branch));
    callee.socket.send(inDialog(callee, there.dialog, "BYE", { cseq: cseq + 1 }));
    Wire.respond(caller, await Wire.request(caller, "BYE"), "200 OK");
    await Wire.close(caller, callee);
  });

  test("each has one CDR with its cause", async () => {
    await Engine.idle(engine());
    const rows = (await engine().cdrs()).toSorted((a, b) => a.endedAt < b.endedAt ? -1 : 1);
    expect(rows.map(({ cause, endedBy }) => [cause, endedBy])).toEqual([
      ["noAnswer", "engine"],
      ["hangup", "caller"],
      ["duration", "engine"],
      ["hangup", "callee"],
    ]);
  });
});
