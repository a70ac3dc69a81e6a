/** One call rings several phones: who wins, who loses, and what the caller hears. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

Need.suite("a call that rings several phones", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const scene = async (count: number, headers: Sip.Headers = []) => {
    const caller = await Scene.registered(engine(), "1001");
    const phones = await Wire.phonesOf(engine(), "1002", count);
    const dialling = await caller.dial("1002", { headers });
    const invites = await Promise.all(phones.map((phone) => Wire.request(phone, "INVITE")));
    const close = async () => {
      await phones[0]!.request("REGISTER", "sip:demo.test", {
        headers: [["Contact", "*"], ["Expires", "0"]],
      });
      await Wire.close(caller, ...phones);
    };
    return { caller, phones, dialling, invites, close };
  };

  /** What the CDRs of refused calls shall say. */
  const told: Array<{ cause: string; endedBy: string; status: number }> = [];

  test("of two answers at once one wins, the other gets its ACK and then BYE", async () => {
    const { caller, phones, dialling, invites, close } = await scene(3);
    phones.forEach((phone, n) => Wire.respond(phone, invites[n]!, "180 Ringing", { tag: `t${n}` }));
    await dialling.response(180);
    for (const n of [0, 1]) {
      const sdp = Wire.sdpOf(phones[n]!, 42_000 + n);
      Wire.respond(phones[n]!, invites[n]!, "200 OK", { tag: `t${n}`, sdp });
    }
    const call = await dialling.answered();
    await Promise.all([0, 1].map((n) => Wire.request(phones[n]!, "ACK")));
    const byes = (n: number) => Wire.requests(phones[n]!, "BYE").length;
    const loser = await until("BYE to the loser", () => [0, 1].find((n) => byes(n) > 0), 5_000);
    const bye = await Wire.request(phones[loser]!, "BYE");
    Wire.respond(phones[loser]!, bye, "200 OK");
    const cancel = await Wire.request(phones[2]!, "CANCEL");
    expect(Sip.header(cancel, "reason")).toContain("cause=200");
    expect(Sip.tagOf(Sip.header(bye, "to"))).toBe(`t${loser}`);
    expect(Sip.header(bye, "cseq")).toBe("2 BYE");
    Wire.respond(phones[2]!, cancel, "200 OK", { tag: "t2" });
    Wire.respond(phones[2]!, invites[2]!, "487 Request Terminated", { tag: "t2" });
    await Wire.request(phones[2]!, "ACK");
    const winner = phones[1 - loser]!;
    const [, there] = await Promise.all([call.bye(), Wire.request(winner, "BYE")]);
    Wire.respond(winner, there, "200 OK");
    expect(Wire.responses(caller, "INVITE").filter(({ status }) => status === 200)).toHaveLength(1);
    await close();
  });

  test("603 of one ends the ringing of all, and is the caller's answer", async () => {
    const { phones, dialling, invites, close } = await scene(3);
    phones.forEach((phone, n) => Wire.respond(phone, invites[n]!, "180 Ringing", { tag: `t${n}` }));
    await dialling.response(180);
    Wire.respond(phones[1]!, invites[1]!, "603 Decline", { tag: "t1" });
    expect((await dialling.refused()).status).toBe(603);
    for (const n of [0, 2]) {
      const cancel = await Wire.request(phones[n]!, "CANCEL");
      expect(Sip.header(cancel, "reason")).toMatch(/cause=603/);
      Wire.respond(phones[n]!, cancel, "200 OK", { tag: `t${n}` });
      Wire.respond(phones[n]!, invites[n]!, "487 Request Terminated", { tag: `t${n}` });
      await Wire.request(phones[n]!, "ACK");
    }
    await close();
    told.push({ cause: "declined", endedBy: "callee", status: 603 });
  });

  test.for([
    { given: ["486", "486", "486"], heard: 486, cause: "busy" },
    { given: ["480", "486", "404"], heard: 486, cause: "busy" },
    { given: ["404", "480", "480"], heard: 404, cause: "notFound" },
    { given: ["500", "480", "503"], heard: 480, cause: "unreachable" },
    { given: ["503", "500", "503"], heard: 500, cause: "failed" },
    { given: ["401", "480", "407"], heard: 480, cause: "unreachable" },
    { given: ["486", "488", "600"], heard: 600, cause: "busy" },
    { given: ["415", "480", "488"], heard: 415, cause: "notAcceptable" },
  ])("of $given the caller hears $heard", async ({ given, heard, cause }) => {
    const { phones, dialling, invites, close } = await scene(3);
    for (const [n, status] of given.entries()) {
      Wire.respond(phones[n]!, invites[n]!, `${status} No`, { tag: `t${n}` });
      await Wire.request(phones[n]!, "ACK");
    }
    expect((await dialling.refused()).status).toBe(heard);
    await close();
    told.push({ cause, endedBy: cause === "unreachable" ? "engine" : "callee", status: heard });
  });

  test("each fork that shows its description has its own tag, from then on", async () => {
    const { caller, phones, dialling, invites, close } = await scene(2);
    const tags: Array<string> = [];
    for (const n of [0, 1]) {
      const sdp = Wire.sdpOf(phones[n]!, 42_000 + 2 * n);
      Wire.respond(phones[n]!, invites[n]!, "183 Session Progress", { tag: `t${n}`, sdp });
      const shown = await dialling.response(183);
      expect(shown.body).toContain("m=audio");
      tags.push(Sip.tagOf(Sip.header(shown, "to")));
    }
    expect(new Set(tags).size).toBe(2);
    Wire.respond(phones[1]!, invites[1]!, "180 Ringing", { tag: "t1" });
    const ringing = await dialling.response(180);
    expect(Sip.tagOf(Sip.header(ringing, "to"))).toBe(tags[1]);
    const sdp = Wire.sdpOf(phones[1]!, 42_002);
    Wire.respond(phones[1]!, invites[1]!, "200 OK", { tag: "t1", sdp });
    const call = await dialling.answered();
    const ok = Wire.responses(caller, "INVITE").find(({ status }) => status === 200)!;
    expect(Sip.tagOf(Sip.header(ok, "to"))).toBe(tags[1]);
    const [, bye] = await Promise.all([call.bye(), Wire.request(phones[1]!, "BYE")]);
    Wire.respond(phones[1]!, bye, "200 OK");
    await close();
  });

  test("a second phone behind a forking proxy gets ACK and BYE", async () => {
    const { phones, dialling, invites, close } = await scene(1);
    const [phone, invite] = [phones[0]!, invites[0]!];
    Wire.respond(phone, invite, "200 OK", { tag: "one", sdp: Wire.sdpOf(phone, 42_000) });
    const call = await dialling.answered();
    await Wire.request(phone, "ACK");
    Wire.respond(phone, invite, "200 OK", { tag: "two", sdp: Wire.sdpOf(phone, 42_002) });
    const ack = await Wire.request(phone, "ACK");
    expect(Sip.tagOf(Sip.header(ack, "to"))).toBe("two");
    const bye = await Wire.request(phone, "BYE");
    expect(Sip.tagOf(Sip.header(bye, "to"))).toBe("two");
    Wire.respond(phone, bye, "200 OK");
    const [, last] = await Promise.all([call.bye(), Wire.request(phone, "BYE")]);
    expect(Sip.tagOf(Sip.header(last, "to"))).toBe("one");
    Wire.respond(phone, last, "200 OK");
    await close();
  });

  test("each of these calls has one CDR, which says why it ended", async () => {
    await Engine.idle(engine());
    const rows = (await engine().cdrs()).filter(({ cause }) => cause !== "hangup");
    const inOrder = rows.toSorted((a, b) => a.endedAt < b.endedAt ? -1 : 1)
      .map(({ cause, endedBy, status }) => ({ cause, endedBy, status }));
    expect(inOrder).toEqual(told);
  });
});
