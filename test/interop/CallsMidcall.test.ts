/** New offers in a call that is up: hold, resume, glare, refusals, and what crosses them. */
import { expect, test } from "vitest";
import { acknowledge, type Call, cancelOf, inDialog } from "../support/Dialog.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

Need.suite("a call that is up", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const scene = async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const { caller: here, callee: there } = await Scene.connect(caller, callee);
    await Wire.settled(caller);
    const close = async () => {
      await Scene.hangUp(here, there);
      await Wire.close(caller, callee);
    };
    return { caller, callee, here, there, close };
  };

  /** A request in a dialog, without waiting for its answer. */
  const send = (
    phone: Phone.Phone,
    { dialog }: Call,
    method: string,
    sent: { readonly sdp?: string; readonly headers?: Sip.Headers; readonly cseq?: number } = {},
  ) => {
    const cseq = sent.cseq ?? ++dialog.cseq;
    const branch = Sip.branch();
    const text = inDialog(phone, dialog, method, {
      cseq,
      branch,
      headers: sent.headers ?? [],
      ...(sent.sdp === undefined ? {} : { body: sent.sdp }),
    });
    phone.socket.send(text);
    const final = (deadlineMs?: number) =>
      phone.socket.next(
        `answer to ${method} ${cseq}`,
        (message) =>
          !message.isRequest && message.method === method && (message.status ?? 0) >= 200 &&
          Sip.header(message, "cseq") === `${cseq} ${method}`,
        deadlineMs,
      );
    const invite = Sip.parse(text, phone.socket.local, 0);
    return {
      cseq,
      branch,
      invite,
      final,
      ack: (answer: Sip.Message, sdp?: string) =>
        phone.socket.send(
          (answer.status ?? 0) < 300
            ? inDialog(phone, dialog, "ACK", { cseq, ...(sdp === undefined ? {} : { body: sdp }) })
            : acknowledge(invite, answer, branch),
        ),
    };
  };

  const offer = (phone: Phone.Phone, port: number, version: number, direction = "sendrecv") =>
    Wire.sdpOf(phone, port, { version, direction: direction as "sendrecv" });

  test.for(
    [
      ["sendonly", "recvonly", (sdp: string) => sdp.replace("a=sendrecv", "a=sendonly")],
      ["inactive", "inactive", (sdp: string) => sdp.replace("a=sendrecv", "a=inactive")],
      [
        "sendonly",
        "recvonly",
        (sdp: string) => sdp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"),
      ],
      [
        "inactive",
        "inactive",
        (sdp: string) =>
          sdp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0").replace("sendrecv", "inactive"),
      ],
    ] as const,
  )("hold reaches the other side as %s, its %s comes back", async (given) => {
    const [shown, answer, hold] = given;
    const { caller, callee, here, there, close } = await scene();
    const held = later(here.reinvite(hold(offer(caller, 40_000, 2))));
    const passed = await there.asked("INVITE");
    expect(passed.body).toContain(`a=${shown}`);
    expect(passed.body).not.toContain("0.0.0.0");
    there.reply(passed, "200 OK", { body: offer(callee, 42_000, 2, answer) });
    expect((await held).body).toContain(`a=${answer}`);
    await Wire.request(callee, "ACK");
    const resumed = later(here.reinvite(offer(caller, 40_000, 3)));
    const again = await there.asked("INVITE");
    expect(again.body).toContain("a=sendrecv");
    there.reply(again, "200 OK", { body: offer(callee, 42_000, 3) });
    expect((await resumed).body).toContain("a=sendrecv");
    await Wire.request(callee, "ACK");
    await close();
  });

  test("offers of both sides at once: 491 to each, and the next try goes through", async () => {
    const { caller, callee, here, there, close } = await scene();
    const one = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 2) });
    const other = send(callee, there, "INVITE", { sdp: offer(callee, 42_000, 2) });
    const crossing = await other.final();
    expect(crossing.status).toBe(491);
    other.ack(crossing);
    const passed = await there.asked("INVITE");
    there.reply(passed, "491 Request Pending");
    const refused = await one.final();
    expect(refused.status).toBe(491);
    one.ack(refused);
    await Wire.request(callee, "ACK");
    const retried = later(there.reinvite(offer(callee, 42_000, 3)));
    const asked = await here.asked("INVITE");
    here.reply(asked, "200 OK", { body: offer(caller, 40_000, 3) });
    expect((await retried).status).toBe(200);
    await Wire.request(caller, "ACK");
    await close();
  });

  test("a second offer of the same side before the first is answered gets 500", async () => {
    const { caller, callee, here, there, close } = await scene();
    const one = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 2) });
    const passed = await there.asked("INVITE");
    const two = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 3) });
    const refused = await two.final();
    expect(refused.status).toBe(500);
    expect(Number(Sip.header(refused, "retry-after"))).toBeLessThanOrEqual(10);
    expect(Sip.header(refused, "retry-after")).not.toBe("");
    two.ack(refused);
    there.reply(passed, "200 OK", { body: offer(callee, 42_000, 2) });
    const ok = await one.final();
    expect(ok.status).toBe(200);
    one.ack(ok);
    await Wire.request(callee, "ACK");
    await close();
  });

  test.for(["488 Not Acceptable Here", "603 Decline", "500 Oops", "415 No", "404 No"])(
    "an offer refused with %s leaves the call as it was",
    async (status) => {
      const { caller, callee, here, there, close } = await scene();
      const asked = later(here.reinvite(offer(caller, 40_010, 2)));
      const passed = await there.asked("INVITE");
      there.reply(passed, status);
      expect((await asked).start).toContain(status.slice(0, 3));
      await Wire.request(callee, "ACK");
      await close();
    },
  );

  test.for(["481 Gone", "408 Timeout"])(
    "an offer answered with %s ends the call",
    async (status) => {
      const { caller, callee, here, there } = await scene();
      const asked = later(here.reinvite(offer(caller, 40_010, 2)));
      const passed = await there.asked("INVITE");
      there.reply(passed, status);
      expect((await asked).status).toBe(481);
      await here.ended();
      await Wire.close(caller, callee);
    },
  );

  test("a late offer in a call that is up, with its answer in the ACK", async () => {
    const { caller, callee, here, there, close } = await scene();
    const asked = send(caller, here, "INVITE");
    const passed = await there.asked("INVITE");
    expect(passed.body).toBe("");
    there.reply(passed, "200 OK", { body: offer(callee, 42_020, 2) });
    const ok = await asked.final();
    expect(ok.body).toContain("m=audio");
    expect(Wire.requests(callee, "ACK")).toHaveLength(1);
    asked.ack(ok, offer(caller, 40_020, 2));
    expect((await Wire.request(callee, "ACK")).body).toContain("m=audio");
    // The next offer finds nothing left open.
    const next = later(there.reinvite(offer(callee, 42_020, 3)));
    here.reply(await here.asked("INVITE"), "200 OK", { body: offer(caller, 40_020, 3) });
    expect((await next).status).toBe(200);
    await Wire.request(caller, "ACK");
    await close();
  });

  test("BYE of the other side crosses an offer: 487 to the offer, BYE, and one end", async () => {
    const { caller, callee, here, there } = await scene();
    const asked = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 2) });
    const passed = await there.asked("INVITE");
    const bye = send(callee, there, "BYE");
    expect((await bye.final()).status).toBe(200);
    const refused = await asked.final();
    expect(refused.status).toBe(487);
    asked.ack(refused);
    await here.ended();
    there.reply(passed, "487 Request Terminated");
    await Wire.request(callee, "ACK");
    await Wire.close(caller, callee);
  });

  test("an answer to our offer that comes after BYE is acknowledged", async () => {
    const { caller, callee, here, there } = await scene();
    const asked = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 2) });
    const passed = await there.asked("INVITE");
    const bye = send(caller, here, "BYE");
    expect((await bye.final()).status).toBe(200);
    const refused = await asked.final();
    expect(refused.status).toBe(487);
    asked.ack(refused);
    const before = Wire.requests(callee, "ACK").length;
    there.reply(passed, "200 OK", { body: offer(callee, 42_000, 2) });
    await there.ended();
    await Wire.request(callee, "ACK");
    expect(Wire.requests(callee, "ACK").length).toBe(before + 1);
    expect(Wire.requests(callee, "BYE")).toHaveLength(1);
    await Wire.close(caller, callee);
  });

  test("an answer of the caller to our offer that comes after BYE is acknowledged", async () => {
    const { caller, callee, here, there } = await scene();
    const asked = send(callee, there, "INVITE", { sdp: offer(callee, 42_000, 2) });
    const passed = await here.asked("INVITE");
    const bye = send(callee, there, "BYE");
    expect((await bye.final()).status).toBe(200);
    asked.ack(await asked.final());
    here.reply(passed, "200 OK", { body: offer(caller, 40_000, 2) });
    await here.ended();
    await Wire.request(caller, "ACK");
    expect(Wire.requests(caller, "BYE")).toHaveLength(1);
    await Wire.close(caller, callee);
  });

  test("an offer that its side takes back gets 487, the other side CANCEL", async () => {
    const { caller, callee, here, there, close } = await scene();
    const asked = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 2) });
    const passed = await there.asked("INVITE");
    there.reply(passed, "180 Ringing");
    caller.socket.send(cancelOf(asked.invite, asked.branch));
    const cancel = await Wire.request(callee, "CANCEL");
    there.reply(cancel, "200 OK");
    there.reply(passed, "487 Request Terminated");
    const refused = await asked.final();
    expect(refused.status).toBe(487);
    asked.ack(refused);
    await Wire.request(callee, "ACK");
    // The call is as it was.
    const next = later(there.reinvite(offer(callee, 42_020, 3)));
    here.reply(await here.asked("INVITE"), "200 OK", { body: offer(caller, 40_020, 3) });
    expect((await next).status).toBe(200);
    await Wire.request(caller, "ACK");
    await close();
  });

  test("an offer that waits for an ACK and is taken back is sent, then cancelled", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const dialling = await caller.dial("1002");
    const there = await (await callee.incoming()).answer();
    const dialog = dialling.dialog(await dialling.response(200));
    const asked = send(callee, there, "INVITE", { sdp: offer(callee, 42_000, 2) });
    await Wire.settled(callee);
    callee.socket.send(cancelOf(asked.invite, asked.branch));
    await callee.socket.next("200 to CANCEL", ({ method }) => method === "CANCEL");
    // Through the call itself: it has the CANCEL by then.
    expect((await there.request("OPTIONS")).status).toBe(200);
    await Wire.settled(caller);
    expect(Wire.requests(caller, "CANCEL")).toEqual([]);
    caller.socket.send(inDialog(caller, dialog, "ACK", { cseq: dialog.cseq }));
    const passed = await Wire.request(caller, "INVITE");
    Wire.respond(caller, passed, "100 Trying");
    Wire.respond(caller, await Wire.request(caller, "CANCEL"), "200 OK");
    Wire.respond(caller, passed, "487 Request Terminated");
    const refused = await asked.final();
    expect(refused.status).toBe(487);
    asked.ack(refused);
    const bye = send(callee, there, "BYE");
    Wire.respond(caller, await Wire.request(caller, "BYE"), "200 OK");
    expect((await bye.final()).status).toBe(200);
    await Wire.close(caller, callee);
  });

  test("requests out of order get 500, and harm nothing", async () => {
    const { caller, callee, here, there, close } = await scene();
    const asked = later(here.reinvite(offer(caller, 40_010, 2)));
    there.reply(await there.asked("INVITE"), "200 OK", { body: offer(callee, 42_000, 2) });
    await asked;
    for (const method of ["INVITE", "OPTIONS", "BYE"]) {
      const late = send(caller, here, method, { cseq: 1 });
      const answer = await late.final();
      expect([method, answer.status]).toEqual([method, 500]);
      if (method === "INVITE") late.ack(answer);
    }
    await close();
  });

  test("a new Contact in an offer is where the next request goes", async () => {
    const { caller, callee, here, there } = await scene();
    const moved = await Scene.phone(engine(), "1001");
    const asked = later(here.request("INVITE", {
      body: offer(caller, 40_010, 2),
      headers: [],
    }));
    const passed = await there.asked("INVITE");
    // The callee moves too: its answer names another place.
    const away = await Scene.phone(engine(), "1002");
    Wire.respond(callee, passed, "200 OK", {
      sdp: offer(callee, 42_000, 2),
      headers: [["Contact", away.contact]],
    });
    await asked;
    here.dialog.cseq -= 0;
    caller.socket.send(inDialog(caller, here.dialog, "ACK", { cseq: here.dialog.cseq }));
    await Wire.request(away, "ACK");
    const text = inDialog({ ...caller, contact: moved.contact }, here.dialog, "INVITE", {
      cseq: ++here.dialog.cseq,
      body: offer(caller, 40_010, 3),
    });
    caller.socket.send(text);
    const second = await Wire.request(away, "INVITE");
    Wire.respond(away, second, "200 OK", { sdp: offer(callee, 42_000, 3) });
    const ok = await caller.socket.next("200", (m) =>
      m.status === 200 && m.method === "INVITE" &&
      Sip.header(m, "cseq") === `${here.dialog.cseq} INVITE`);
    expect(ok.body).toContain("m=audio");
    caller.socket.send(inDialog(caller, here.dialog, "ACK", { cseq: here.dialog.cseq }));
    await Wire.request(away, "ACK");
    const bye = send(away, there, "BYE");
    expect((await bye.final()).status).toBe(200);
    const told = await Wire.request(moved, "BYE");
    expect(told.start).toContain(`:${moved.socket.local.port}`);
    Wire.respond(moved, told, "200 OK");
    await Wire.close(caller, callee, away, moved);
  });

  test("our requests in a dialog count up from the INVITE", async () => {
    const { caller, callee, here, there, close } = await scene();
    for (const version of [2, 3]) {
      const asked = later(there.reinvite(offer(callee, 42_000, version)));
      const passed = await here.asked("INVITE");
      expect(Sip.header(passed, "cseq")).toBe(`${version - 1} INVITE`);
      expect(Sip.header(passed, "call-id")).toBe(here.dialog.callId);
      here.reply(passed, "200 OK", { body: offer(caller, 40_000, version) });
      await asked;
      expect(Sip.header(await Wire.request(caller, "ACK"), "cseq")).toBe(`${version - 1} ACK`);
    }
    await close();
  });

  test("BYE again, with a new number, after the end: the dialog is gone", async () => {
    const { caller, callee, here, there } = await scene();
    await Scene.hangUp(here, there);
    const again = send(caller, here, "BYE");
    expect((await again.final()).status).toBe(481);
    const options = send(caller, here, "OPTIONS");
    expect((await options.final()).status).toBe(481);
    const invite = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 9) });
    const gone = await invite.final();
    expect(gone.status).toBe(481);
    invite.ack(gone);
    await Wire.close(caller, callee);
  });

  test("BYEs of both sides that cross each other are both answered with 200", async () => {
    const { caller, callee, here, there } = await scene();
    const one = send(caller, here, "BYE");
    const other = send(callee, there, "BYE");
    expect([(await one.final()).status, (await other.final()).status]).toEqual([200, 200]);
    await Wire.close(caller, callee);
  });

  test("an answer to an offer without a description ends the call", async () => {
    const { caller, callee, here, there } = await scene();
    const asked = send(caller, here, "INVITE", { sdp: offer(caller, 40_000, 2) });
    there.reply(await there.asked("INVITE"), "200 OK");
    asked.ack(await asked.final());
    await Promise.all([here.ended(), there.ended()]);
    await Wire.close(caller, callee);
  });

  test("an offer that is answered with one stream less is refused, and ends the call", async () => {
    const { caller, callee, here, there } = await scene();
    const asked = send(caller, here, "INVITE", {
      sdp: `${offer(caller, 40_000, 2)}m=video 40010 RTP/AVP 31\r\n`,
    });
    const passed = await there.asked("INVITE");
    expect(passed.body).toMatch(/^m=video [1-9]\d* RTP\/AVP 31/m);
    there.reply(passed, "200 OK", { body: offer(callee, 42_000, 2) });
    asked.ack(await asked.final());
    await Promise.all([here.ended(), there.ended()]);
    await Wire.close(caller, callee);
  });
});
