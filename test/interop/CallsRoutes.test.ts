/** Peers behind record-routing proxies (RFC 3261 12, 16.12), redirections, and loops. */
import { describe, expect, test } from "vitest";
import { inDialog } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Ports from "../support/Ports.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

const trunkIp = "127.0.0.62";

Need.suite("routes", [], () => {
  let trunkPort = 0;
  const engine = Engine.forSuite(async () => {
    trunkPort = await Ports.free(trunkIp);
    return {
      directory: Directory.demo({
        users: Directory.users(1001, 6),
        trunks: [{
          id: "carrier",
          address: `${trunkIp}:${trunkPort}`,
          transport: "udp",
          inbound: true,
        }],
        routes: [{ match: "0*", trunk: "carrier" }],
      }),
    };
  });

  /** A user agent and the two proxies on its way; the agent itself hears nothing of Tandem. */
  const behindProxies = async () => {
    const agent = await Scene.phone(engine(), "1001");
    const near = await Scene.phone(engine(), "near");
    const far = await Scene.phone(engine(), "far");
    const uri = ({ socket }: Phone.Phone, params: string) =>
      `<sip:${socket.local.ip}:${socket.local.port}${params}>`;
    return { agent, near, far, uri, close: () => Wire.close(agent, near, far) };
  };

  const routesOf = (message: Sip.Message) => Sip.list(Sip.all(message, "route"));

  describe.for(
    [
      ["loose", ";lr"],
      ["strict", ""],
    ] as const,
  )("with %s routing", ([kind, params]) => {
    /** Request-URI and Routes of a request in the dialog, as the nearest proxy must get it. */
    const check = (message: Sip.Message, near: string, far: string, target: string) => {
      const [, uri] = message.start.split(" ");
      if (kind === "loose") {
        expect(uri).toBe(target);
        expect(routesOf(message)).toEqual([near, far]);
      } else {
        expect(uri).toBe(Sip.uriOf(near));
        expect(routesOf(message)).toEqual([far, `<${target}>`]);
      }
    };

    test("a caller behind proxies", async () => {
      const { agent, near, far, uri, close } = await behindProxies();
      const callee = await Scene.registered(engine(), "1002");
      const [nearest, farthest] = [uri(near, params), uri(far, params)];
      // The proxy next to us sends the INVITE; its Record-Route is the topmost.
      const sender: Phone.Phone = await Scene.registered(engine(), "1001");
      const dialling = await sender.dial("1002", {
        headers: [["Record-Route", `${nearest}, ${farthest}`]],
      });
      const invite = await Wire.request(callee, "INVITE");
      expect(Sip.all(invite, "record-route")).toEqual([]);
      Wire.respond(callee, invite, "180 Ringing");
      const ringing = await dialling.response(180);
      expect(Sip.list(Sip.all(ringing, "record-route"))).toEqual([nearest, farthest]);
      Wire.respond(callee, invite, "200 OK", { sdp: Wire.sdpOf(callee, 42_000) });
      const here = await dialling.answered();
      await Wire.request(callee, "ACK");
      const there = {
        callId: Sip.header(invite, "call-id"),
        local: `${Sip.header(invite, "to")};tag=phone`,
        remote: Sip.header(invite, "from"),
        target: Sip.uriOf(Sip.header(invite, "contact")),
        routes: [],
        cseq: 10,
      };
      callee.socket.send(inDialog(callee, there, "INVITE", {
        cseq: 11,
        body: Wire.sdpOf(callee, 42_000, { version: 2 }),
      }));
      const target = Sip.uriOf(sender.contact);
      const asked = await Wire.request(near, "INVITE");
      check(asked, nearest, farthest, target);
      Wire.respond(near, asked, "200 OK", {
        sdp: Wire.sdpOf(sender, 40_000, { version: 2 }),
        headers: [["Contact", sender.contact]],
      });
      check(await Wire.request(near, "ACK"), nearest, farthest, target);
      const ok = await callee.socket.next("200", (m) => m.status === 200 && m.method === "INVITE");
      expect(ok.body).toContain("m=audio");
      callee.socket.send(inDialog(callee, there, "ACK", { cseq: 11 }));
      callee.socket.send(inDialog(callee, there, "BYE", { cseq: 12 }));
      const bye = await Wire.request(near, "BYE");
      check(bye, nearest, farthest, target);
      Wire.respond(near, bye, "200 OK");
      expect(here.dialog.routes).toEqual([farthest, nearest]);
      expect(Wire.requests(sender, "BYE")).toEqual([]);
      void agent;
      await Wire.close(sender, callee);
      await close();
    });

    test("a callee behind proxies", async () => {
      const { near, far, uri, close } = await behindProxies();
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const [nearest, farthest] = [uri(near, params), uri(far, params)];
      const dialling = await caller.dial("1002");
      const invite = await Wire.request(callee, "INVITE");
      Wire.respond(callee, invite, "200 OK", {
        sdp: Wire.sdpOf(callee, 42_000),
        // Of a response the last value is the nearest.
        headers: [["Record-Route", farthest], ["Record-Route", nearest]],
      });
      const target = Sip.uriOf(callee.contact);
      const here = await dialling.answered();
      check(await Wire.request(near, "ACK"), nearest, farthest, target);
      const asked = later(here.reinvite(Wire.sdpOf(caller, 40_000, { version: 2 })));
      const passed = await Wire.request(near, "INVITE");
      check(passed, nearest, farthest, target);
      Wire.respond(near, passed, "200 OK", {
        sdp: Wire.sdpOf(callee, 42_000, { version: 2 }),
        headers: [["Contact", callee.contact]],
      });
      expect((await asked).status).toBe(200);
      check(await Wire.request(near, "ACK"), nearest, farthest, target);
      const [, bye] = await Promise.all([here.bye(), Wire.request(near, "BYE")]);
      check(bye, nearest, farthest, target);
      Wire.respond(near, bye, "200 OK");
      await Wire.close(caller, callee);
      await close();
    });
  });

  test("a callee that registered with a Path is rung through it", async () => {
    const { near, uri, close } = await behindProxies();
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const path = uri(near, ";lr");
    const answer = await callee.request("REGISTER", "sip:demo.test", {
      headers: [
        ["Contact", "<sip:1002@10.9.8.7:5060>"],
        ["Path", path],
        ["Supported", "path"],
        ["Expires", "60"],
      ],
    });
    expect(Sip.header(answer, "path")).toBe(path);
    const dialling = await caller.dial("1002");
    const invite = await Wire.request(near, "INVITE");
    expect(invite.start).toBe("INVITE sip:1002@10.9.8.7:5060 SIP/2.0");
    expect(routesOf(invite)).toEqual([path]);
    Wire.respond(near, invite, "486 Busy Here");
    await Wire.request(near, "ACK");
    const own = await Wire.request(callee, "INVITE");
    Wire.respond(callee, own, "486 Busy Here");
    expect((await dialling.refused()).status).toBe(486);
    await Wire.close(caller, callee);
    await close();
  });

  describe("a redirection", () => {
    const scene = async () => {
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const third = await Scene.registered(engine(), "1003");
      const dialling = await caller.dial("1002");
      const invite = await Wire.request(callee, "INVITE");
      const close = () => Wire.close(caller, callee, third);
      return { caller, callee, third, dialling, invite, close };
    };

    const redirect = (callee: Phone.Phone, invite: Sip.Message, ...contacts: Array<string>) => {
      const headers = contacts.map((contact) => ["Contact", contact] as const);
      const moved = Sip.respond(invite, "302 Moved Temporarily", { toTag: "phone", headers });
      callee.socket.send(moved);
    };

    test("to a user and to a trunk rings both", async () => {
      const { callee, third, dialling, invite, close } = await scene();
      const carrier = await Scene.phone(engine(), "carrier", { ip: trunkIp, port: trunkPort });
      redirect(callee, invite, "<sip:1003@demo.test>;q=0.5", "<sip:0123@demo.test>;q=0.9");
      await Wire.request(callee, "ACK");
      const [one, other] = await Promise.all([
        Wire.request(third, "INVITE"),
        Wire.request(carrier, "INVITE"),
      ]);
      expect(other.start).toContain("sip:0123@");
      Wire.respond(carrier, other, "486 Busy Here");
      Wire.respond(third, one, "200 OK", { sdp: Wire.sdpOf(third, 43_000) });
      const call = await dialling.answered();
      const [, bye] = await Promise.all([call.bye(), Wire.request(third, "BYE")]);
      Wire.respond(third, bye, "200 OK");
      await Promise.all([close(), Wire.close(carrier)]);
    });

    test("to another domain rings no local phone of that name", async () => {
      const { callee, third, dialling, invite, close } = await scene();
      redirect(callee, invite, "<sip:1003@elsewhere.example>");
      expect((await dialling.refused()).status).toBe(480);
      expect(Wire.requests(third, "INVITE")).toEqual([]);
      await close();
    });

    test("to a number that nobody has, or without a target: 480", async () => {
      for (const contacts of [["<sip:5550000@demo.test>"], []]) {
        const { callee, dialling, invite, close } = await scene();
        redirect(callee, invite, ...contacts);
        expect((await dialling.refused()).status).toBe(480);
        await close();
      }
    });

    test("in a circle ends", async () => {
      const { callee, dialling, invite, close } = await scene();
      redirect(callee, invite, "<sip:1002@demo.test>");
      const refused = later(dialling.refused());
      let rings = 1;
      for (;;) {
        const next = await Promise.race([
          Wire.request(callee, "INVITE").catch(() => undefined),
          refused.then(() => undefined),
        ]);
        if (next === undefined) break;
        rings++;
        redirect(callee, next, "<sip:1002@demo.test>");
      }
      expect((await refused).status).toBe(480);
      expect(rings).toBeLessThanOrEqual(6);
      await close();
    });

    test("with a CANCEL at the same time leaves no phone ringing", async () => {
      const { callee, third, dialling, invite, close } = await scene();
      redirect(callee, invite, "<sip:1003@demo.test>");
      await dialling.cancel();
      expect((await dialling.refused()).status).toBe(487);
      await Wire.settled(third);
      const rung = Wire.requests(third, "INVITE");
      if (rung.length > 0) {
        Wire.respond(third, rung[0]!, "180 Ringing");
        const cancel = await Wire.request(third, "CANCEL");
        Wire.respond(third, cancel, "200 OK");
        Wire.respond(third, rung[0]!, "487 Request Terminated");
      }
      await close();
    });
  });

  test("a contact that leads back to ourselves ends the call", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const looping = await Scene.registered(engine(), "1004");
    const { ip, port } = engine().sip;
    await looping.register(0);
    const answer = await looping.request("REGISTER", "sip:demo.test", {
      headers: [["Contact", `<sip:1004@${ip}:${port}>`], ["Expires", "60"]],
    });
    expect(answer.status).toBe(200);
    const dialling = await caller.dial("1004");
    const refused = await dialling.refused(10_000);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    await Wire.close(caller, looping);
  });
});
